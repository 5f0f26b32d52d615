//! The page that engine and child share: what the child runs, told without a system call of the child's.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

/// The bytes `SGNL_PG1`, as a number of a little-endian machine.
const MAGIC: u64 = 0x3147_505F_4C4E_4753;
const HEADER: usize = 64;
const SLOT: usize = 32;
/// Behind the slots: for each, the run that has ended last in it.
const ENDED: usize = 8;

/// A page of one child.
///
/// The child maps it and writes; the engine reads it as a file. So the engine needs no mapping, and a child that cuts the file
/// short harms nobody else.
#[derive(Debug)]
pub(crate) struct Page {
    file: File,
    slots: usize,
}

/// What stands in a slot that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) run: u64,
    /// When the child is killed for it, on the clock of [`monotonic_nanos`].
    pub(crate) deadline: Option<u64>,
    /// The receiver's own timeout.
    pub(crate) timeout: Duration,
    pub(crate) max_attempts: u32,
}

impl Page {
    pub(crate) fn new(slots: usize) -> io::Result<Self> {
        let file = File::from(memfd_create("signalpost", MemfdFlags::CLOEXEC)?);
        let mut bytes = vec![0; HEADER + slots * (SLOT + ENDED)];
        bytes[..8].copy_from_slice(&MAGIC.to_ne_bytes());
        bytes[8..16].copy_from_slice(&(slots as u64).to_ne_bytes());
        file.write_all_at(&bytes, 0)?;
        Ok(Self { file, slots })
    }

    /// The slots that are taken. None where the page cannot be read any more.
    pub(crate) fn taken(&self) -> Vec<Slot> {
        let mut bytes = vec![0; self.slots * SLOT];
        match self.file.read_exact_at(&mut bytes, HEADER as u64) {
            Ok(()) => bytes.chunks_exact(SLOT).filter_map(slot).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// The runs that have ended last, one for each slot; whether they have been told of is not seen here.
    pub(crate) fn ended(&self) -> Vec<u64> {
        let mut bytes = vec![0; self.slots * ENDED];
        match self.file.read_exact_at(&mut bytes, (HEADER + self.slots * SLOT) as u64) {
            Ok(()) => bytes.chunks_exact(ENDED).map(|bytes| number(bytes, 0)).filter(|run| *run != 0).collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// A child's part, played by a test.
#[cfg(test)]
impl Page {
    pub(crate) fn write_slot(&self, at: usize, slot: [u64; 4]) {
        let bytes: Vec<u8> = slot.iter().flat_map(|number| number.to_ne_bytes()).collect();
        self.file.write_all_at(&bytes, (HEADER + at * SLOT) as u64).unwrap();
    }

    pub(crate) fn write_ended(&self, at: usize, run: u64) {
        let at = HEADER + self.slots * SLOT + at * ENDED;
        self.file.write_all_at(&run.to_ne_bytes(), at as u64).unwrap();
    }
}

impl AsFd for Page {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn slot(bytes: &[u8]) -> Option<Slot> {
    let (run, deadline) = (number(bytes, 0), number(bytes, 1));
    (run != 0).then(|| Slot {
        run,
        deadline: (deadline != 0).then_some(deadline),
        timeout: Duration::from_millis(number(bytes, 2)),
        // What makes no sense must not end a task.
        max_attempts: u32::try_from(number(bytes, 3)).ok().filter(|most| *most > 0).unwrap_or(u32::MAX),
    })
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes[at * 8..].first_chunk::<8>().map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// The clock of Python's `time.monotonic_ns()`.
pub(crate) fn monotonic_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let nanos = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    u64::try_from(nanos).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_writes_is_read() {
        let page = Page::new(3).unwrap();
        assert!(page.taken().is_empty());
        page.write_slot(0, [7, 0, 0, 10]);
        page.write_slot(2, [9, 5, 1_500, 0]);
        let first = Slot { run: 7, deadline: None, timeout: Duration::ZERO, max_attempts: 10 };
        let last = Slot { run: 9, deadline: Some(5), timeout: Duration::from_millis(1_500), max_attempts: u32::MAX };
        assert_eq!(page.taken(), [first, last]);
        page.write_slot(0, [0, 0, 0, 0]);
        assert_eq!(page.taken(), [last]);
    }

    #[test]
    fn what_has_ended_is_read_from_behind_the_slots() {
        let page = Page::new(3).unwrap();
        assert!(page.ended().is_empty());
        page.file.write_all_at(&7_u64.to_ne_bytes(), 64 + 32 * 3 + 8).unwrap();
        assert_eq!(page.ended(), [7]);
        assert!(page.taken().is_empty());
    }

    #[test]
    fn its_head_says_what_it_is() {
        let mut head = [0; 16];
        Page::new(104).unwrap().file.read_exact_at(&mut head, 0).unwrap();
        assert_eq!(&head[8..], 104_u64.to_ne_bytes());
        #[cfg(target_endian = "little")]
        assert_eq!(&head[..8], b"SGNL_PG1");
    }

    #[test]
    fn a_page_that_was_cut_short_tells_of_nothing() {
        let page = Page::new(3).unwrap();
        page.write_slot(0, [7, 0, 0, 10]);
        page.file.set_len(70).unwrap();
        assert!(page.taken().is_empty());
    }

    #[test]
    fn the_clock_goes_on() {
        let before = monotonic_nanos();
        assert!(before > 0 && monotonic_nanos() >= before);
    }
}
