//! Which part of a claim each queue gets.

use crate::Queue;

/// Hands out places by weight, one after the other: each queue gains its weight, the richest gets the place and pays
/// what all have gained. So the parts are right over many claims, however few places each of them has.
#[derive(Debug)]
pub(crate) struct Shares {
    weights: Vec<i64>,
    gained: Vec<i64>,
}

impl Shares {
    pub(crate) fn new(queues: &[Queue]) -> Self {
        let weights: Vec<i64> = queues.iter().map(|queue| i64::from(queue.weight)).collect();
        Self { gained: vec![0; weights.len()], weights }
    }

    /// How many of `places` each queue gets that has room for any.
    pub(crate) fn hand_out(&mut self, places: usize, room: &[usize]) -> Vec<usize> {
        let mut shares = vec![0; room.len()];
        if let ([share], [room]) = (&mut shares[..], room) {
            *share = places.min(*room);
            return shares;
        }
        for _ in 0..places {
            let (mut all, mut richest) = (0, None);
            for queue in (0..room.len()).filter(|queue| shares[*queue] < room[*queue]) {
                self.gained[queue] += self.weights[queue];
                all += self.weights[queue];
                if richest.is_none_or(|richest: usize| self.gained[queue] > self.gained[richest]) {
                    richest = Some(queue);
                }
            }
            let Some(richest) = richest else { break };
            self.gained[richest] -= all;
            shares[richest] += 1;
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: usize = usize::MAX;

    fn shares(weights: &[u32]) -> Shares {
        Shares::new(&weights.iter().map(|weight| Queue::new("q").weight(*weight)).collect::<Vec<_>>())
    }

    #[test]
    fn places_go_by_weight() {
        assert_eq!(shares(&[1]).hand_out(64, &[ANY]), [64]);
        assert_eq!(shares(&[1, 1]).hand_out(64, &[ANY, ANY]), [32, 32]);
        assert_eq!(shares(&[3, 1]).hand_out(64, &[ANY, ANY]), [48, 16]);
    }

    #[test]
    fn claims_of_one_place_are_shared_too() {
        let mut shares = shares(&[3, 1]);
        let mut places = [0, 0];
        for _ in 0..400 {
            let share = shares.hand_out(1, &[ANY, ANY]);
            places = [places[0] + share[0], places[1] + share[1]];
        }
        assert_eq!(places, [300, 100]);
    }

    #[test]
    fn who_has_no_room_leaves_its_part_to_the_others() {
        assert_eq!(shares(&[1, 1, 1]).hand_out(30, &[2, 0, ANY]), [2, 0, 28]);
        assert_eq!(shares(&[1, 1]).hand_out(30, &[2, 3]), [2, 3]);
        assert_eq!(shares(&[1, 1]).hand_out(30, &[0, 0]), [0, 0]);
    }
}
