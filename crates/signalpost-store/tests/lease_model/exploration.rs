//! The exploration of all states that can be reached, breadth first.

use std::collections::{BTreeMap, HashMap};

use crate::promises::{NOTHING_IS_LOST, PROMISES};
use crate::protocol::{Next, Rules};
use crate::state::{State, Worker};
use crate::step::{Act, Step};

/// Asked of a step: the state before it, the step, the state after it.
pub type Question = fn(&State, &Step, &State) -> bool;

pub struct Exploration {
    states: Vec<State>,
    steps: Vec<(usize, Step, usize)>,
    /// The step by which each state was first reached; the first state by none.
    reached_by: Vec<Option<usize>>,
    /// For each broken promise a shortest way to break it.
    broken: BTreeMap<&'static str, String>,
}

impl Exploration {
    pub fn new(rules: Rules, tasks: usize, most_faults: u32) -> Self {
        let first = State::new(rules, tasks, most_faults);
        let mut known = HashMap::from([(first.clone(), 0)]);
        let (states, reached_by) = (vec![first], vec![None]);
        let mut found = Exploration { states, steps: Vec::new(), reached_by, broken: BTreeMap::new() };
        let mut here = 0;
        while here < found.states.len() {
            // A rule that lets a run go on without a fault would be explored for ever.
            assert!(here < 1_000_000, "the model has no end\n{}", found.traces());
            for (step, next) in Next::new(&found.states[here]).steps {
                for (promise, holds) in PROMISES {
                    if !holds(&found.states[here], &step, &next) && !found.broken.contains_key(promise) {
                        found.broken.insert(promise, format!("{}  {step}\n", found.way_to(here)));
                    }
                }
                let there = *known.entry(next).or_insert_with_key(|next| {
                    found.states.push(next.clone());
                    found.reached_by.push(Some(found.steps.len()));
                    found.states.len() - 1
                });
                found.steps.push((here, step, there));
            }
            here += 1;
        }
        if let Some(stuck) = found.stuck() {
            found.broken.insert(NOTHING_IS_LOST, found.way_to(stuck));
        }
        println!("{} states, {} steps", found.states.len(), found.steps.len());
        found
    }

    fn way_to(&self, state: usize) -> String {
        let Some(last) = self.reached_by[state] else { return String::new() };
        let (from, step, _) = self.steps[last];
        format!("{}  {step}\n", self.way_to(from))
    }

    /// The nearest state from which the tasks cannot all end: what a search backwards from their ends leaves over.
    /// It follows no further fault, and while one worker is awake the other must neither thaw nor restart.
    fn stuck(&self) -> Option<usize> {
        let can_be_relied_on = |(from, step, _): &&(usize, Step, usize)| {
            let is_help = matches!(step.act, Act::Thaw | Act::Restart);
            step.act.fault() == 0 && !(is_help && self.states[*from].workers.iter().any(Worker::is_awake))
        };
        let steps: Vec<_> = self.steps.iter().rev().filter(can_be_relied_on).collect();
        let mut can_end: Vec<bool> = self.states.iter().map(State::is_over).collect();
        let mut is_news = true;
        while is_news {
            is_news = false;
            for (from, _, to) in &steps {
                is_news |= can_end[*to] && !can_end[*from];
                can_end[*from] |= can_end[*to];
            }
        }
        can_end.iter().position(|can| !can)
    }

    pub fn saw(&self, question: Question) -> bool {
        self.steps.iter().any(|(from, step, to)| question(&self.states[*from], step, &self.states[*to]))
    }

    pub fn assert_holds(&self, least_states: usize) {
        assert!(self.broken.is_empty(), "{}", self.traces());
        assert!(self.states.len() >= least_states, "too few states: {}", self.states.len());
    }

    pub fn assert_breaks(&self, promises: &[&str]) {
        println!("{}", self.traces());
        for promise in promises {
            assert!(self.broken.contains_key(promise), "the model does not see what breaks: {promise}");
        }
    }

    fn traces(&self) -> String {
        self.broken.iter().map(|(promise, way)| format!("broken: {promise}\n{way}")).collect()
    }
}
