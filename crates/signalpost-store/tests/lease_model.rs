//! The lease protocol of `docs/delivery.md` as a model, explored in every interleaving, and its broken twins.
//! One store whose transactions are atomic, two workers, and a stated number of faults. The protocol must keep
//! every promise below in every reachable state; each twin lacks one rule and must break a promise, which shows
//! both that the rule is needed and that the model would see its absence.
//!
//! | who | steps |
//! |---|---|
//! | worker | claim · start and end a receiver · give back · finish · renew · rescue · take a new id |
//! | store | applies or refuses by its guard; lets a lease expire |
//! | fate | kill, restart · freeze, thaw · cut off from renewing · lose a reply · fail a receiver |
//!
//! A frozen worker acts before it looks: when it thaws it still trusts its lease, until it next renews. Worse, it
//! may go on so for as long as it likes, as after a suspended machine, whose monotonic clock stood still. A result
//! that was on its way, or a receiver that cannot be cancelled, outlives the id under which it was claimed.
//! A request that is lost before the store sees it changes nothing and is not a step. Backoff, the cap on deaths
//! and the patience of late rescuers only delay steps or choose between them; they are left out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

/// A worker's id, new at every start and after every lost lease: worker A has 0, 2, 4 …, worker B 1, 3, 5 …
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Id(u8);

const IDS: usize = 12;

impl Id {
    fn owner(self) -> usize {
        usize::from(self.0 % 2)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", ["A", "B"][self.owner()], self.0 / 2 + 1)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Row {
    Waiting,
    Running(Id),
    Succeeded,
    Dead,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Task {
    row: Row,
    fence: u8,
    attempt: u8,
    deaths: u8,
    // What no column holds: the promises are about these.
    failures: u8,
    releases: u8,
    starts: u8,
    ends: u8,
    newest_ran: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Lease {
    None,
    Valid,
    Expired,
    /// Only in the twin that rescues in two transactions: the tasks are gone, the row is still there.
    Emptied,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Incarnation {
    lease: Lease,
    ever_expired: bool,
    ever_frozen: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Worker {
    id: Id,
    alive: bool,
    frozen: bool,
    trusts: bool,
}

impl Worker {
    fn awake(self) -> bool {
        self.alive && !self.frozen
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Verdict {
    Succeeded,
    Failed,
    FailedForGood,
    Released,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Phase {
    Claimed,
    Started,
    Ended(Verdict),
    /// The finish was sent and its reply lost: it will be sent again.
    Unsure(Verdict, bool),
}

/// One attempt as the worker that claimed it knows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Attempt {
    task: usize,
    id: Id,
    fence: u8,
    number: u8,
    phase: Phase,
}

/// How many of each fault are still to come.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Faults {
    kills: u8,
    freezes: u8,
    cut_offs: u8,
    lost_replies: u8,
    failures: u8,
    releases: u8,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    tasks: Vec<Task>,
    incarnations: [Incarnation; IDS],
    workers: [Worker; 2],
    attempts: Vec<Attempt>,
    faults: Faults,
}

#[derive(Clone, Copy, PartialEq)]
enum Guard {
    Fence,
    Attempt,
    Worker,
    Running,
}

#[derive(Clone, Copy)]
struct Rules {
    finish_is_guarded_by: Guard,
    claim_needs_the_lease_row: bool,
    rescue_is_one_transaction: bool,
    worker_minds_its_trust: bool,
    locks_count: bool,
    claim_replies_can_be_lost: bool,
    renewal_gives_back_the_unknown: bool,
}

const PROTOCOL: Rules = Rules {
    finish_is_guarded_by: Guard::Fence,
    claim_needs_the_lease_row: true,
    rescue_is_one_transaction: true,
    worker_minds_its_trust: true,
    locks_count: true,
    claim_replies_can_be_lost: false,
    renewal_gives_back_the_unknown: false,
};

#[derive(Clone, Copy, PartialEq, Debug)]
enum By {
    Lock,
    Lease,
}

#[derive(Clone, Copy)]
enum Step {
    Claim { of: Attempt, lost: bool },
    Start(Attempt),
    End(Attempt, Verdict),
    GiveBack(Attempt),
    Finish { of: Attempt, verdict: Verdict, accepted: bool, lost: bool },
    Renew { id: Id, now: Id },
    Rescue { by: Id, of: Id, seen: By },
    RemoveLease(Id),
    Expire(Id),
    CutOff(Id),
    Freeze(Id),
    Thaw(Id),
    Kill(Id),
    Restart(Id),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |a: &Attempt| format!("task {} (fence {}, attempt {})", a.task + 1, a.fence, a.number);
        match self {
            Step::Claim { of, lost } => {
                let reply = if *lost { ", and never hears of it" } else { "" };
                write!(f, "{} claims {}{reply}.", of.id, name(of))
            }
            Step::Start(a) => write!(f, "{} starts the receiver of {}.", a.id, name(a)),
            Step::End(a, verdict) => {
                write!(f, "The receiver that {} runs for {} ends: {verdict:?}.", a.id, name(a))
            }
            Step::GiveBack(a) => write!(f, "{} decides to give {} back.", a.id, name(a)),
            Step::Finish { of, verdict, accepted, lost } => {
                let again = if matches!(of.phase, Phase::Unsure(..)) { " again" } else { "" };
                let answer = if *accepted { "accepts" } else { "refuses" };
                let reply = if *lost { "; the reply is lost" } else { "" };
                write!(f, "{} sends{again} that {} is over: {verdict:?}. ", of.id, name(of))?;
                write!(f, "The store {answer} it{reply}.")
            }
            Step::Renew { id, now } if id == now => write!(f, "{id} renews its lease."),
            Step::Renew { id, now } => {
                write!(f, "{id} renews, finds its lease row gone, and goes on as {now}.")
            }
            Step::Rescue { by, of, seen: By::Lock } => {
                write!(f, "{by} sees the lock of {of} free and rescues its tasks.")
            }
            Step::Rescue { by, of, seen: By::Lease } => {
                write!(f, "{by} sees the lease of {of} expired and rescues its tasks.")
            }
            Step::RemoveLease(id) => write!(f, "The lease row of {id} is removed, late."),
            Step::Expire(id) => write!(f, "The lease of {id} expires."),
            Step::CutOff(id) => write!(f, "{id} cannot renew; by its own clock its trust ends."),
            Step::Freeze(id) => write!(f, "{id} freezes."),
            Step::Thaw(id) => write!(f, "{id} thaws and has not looked at its lease yet."),
            Step::Kill(id) => write!(f, "{id} is killed."),
            Step::Restart(id) => write!(f, "The killed worker starts again, as {id}."),
        }
    }
}

impl State {
    fn new(tasks: usize, faults: Faults) -> Self {
        let task = Task {
            row: Row::Waiting,
            fence: 0,
            attempt: 0,
            deaths: 0,
            failures: 0,
            releases: 0,
            starts: 0,
            ends: 0,
            newest_ran: false,
        };
        let unborn = Incarnation { lease: Lease::None, ever_expired: false, ever_frozen: false };
        let mut incarnations = [unborn; IDS];
        incarnations[..2].iter_mut().for_each(|i| i.lease = Lease::Valid);
        let workers = [0, 1].map(|n| Worker { id: Id(n), alive: true, frozen: false, trusts: true });
        State { tasks: vec![task; tasks], incarnations, workers, attempts: Vec::new(), faults }
    }

    fn incarnation(&mut self, id: Id) -> &mut Incarnation {
        &mut self.incarnations[usize::from(id.0)]
    }

    fn lease(&self, id: Id) -> Lease {
        self.incarnations[usize::from(id.0)].lease
    }

    /// An id lives as long as its process and as long as that process has taken no other.
    fn lives(&self, id: Id) -> bool {
        let worker = self.workers[id.owner()];
        worker.alive && worker.id == id
    }

    fn over(&self) -> bool {
        self.tasks.iter().all(|t| matches!(t.row, Row::Succeeded | Row::Dead))
    }

    fn set_phase(&mut self, attempt: Attempt, phase: Option<Phase>) {
        self.attempts.retain(|a| *a != attempt);
        self.attempts.extend(phase.map(|phase| Attempt { phase, ..attempt }));
    }

    fn take_new_id(&mut self, worker: usize) -> Id {
        let id = Id(self.workers[worker].id.0 + 2);
        self.incarnation(id).lease = Lease::Valid;
        self.workers[worker] = Worker { id, alive: true, frozen: false, trusts: true };
        id
    }

    /// Equal futures must be equal states: what no future step or check can ask for is forgotten.
    fn forget(&mut self) {
        self.attempts.sort_unstable();
        for n in 0..IDS {
            let id = Id(n as u8);
            if self.lease(id) == Lease::None && !self.lives(id) && self.attempts.iter().all(|a| a.id != id) {
                *self.incarnation(id) = Incarnation { lease: Lease::None, ever_expired: false, ever_frozen: false };
            }
        }
    }

    fn steps(&self, rules: Rules) -> Vec<(Step, State)> {
        let mut steps = Vec::new();
        let mut take = |step: Step, change: &dyn Fn(&mut State)| {
            let mut next = self.clone();
            change(&mut next);
            next.forget();
            if next != *self {
                steps.push((step, next));
            }
        };
        for (w, worker) in self.workers.iter().enumerate() {
            let id = worker.id;
            if !worker.alive {
                take(Step::Restart(Id(id.0 + 2)), &|s| _ = s.take_new_id(w));
                continue;
            }
            if self.faults.kills > 0 {
                take(Step::Kill(id), &|s| {
                    s.faults.kills -= 1;
                    s.workers[w] = Worker { id, alive: false, frozen: false, trusts: false };
                    s.attempts.retain(|a| a.id.owner() != w);
                });
            }
            if worker.frozen {
                take(Step::Thaw(id), &|s| s.workers[w].frozen = false);
                continue;
            }
            if self.faults.freezes > 0 {
                take(Step::Freeze(id), &|s| {
                    s.faults.freezes -= 1;
                    s.workers[w].frozen = true;
                    s.incarnation(id).ever_frozen = true;
                });
            }
            if self.faults.cut_offs > 0 && worker.trusts {
                take(Step::CutOff(id), &|s| {
                    s.faults.cut_offs -= 1;
                    s.workers[w].trusts = false;
                });
            }
            self.renew(rules, w, &mut take);
            if worker.trusts || !rules.worker_minds_its_trust {
                self.claim(rules, id, &mut take);
            }
            if worker.trusts {
                self.rescue(rules, id, &mut take);
            }
            for attempt in self.attempts.iter().filter(|a| a.id.owner() == w) {
                self.attend(rules, *attempt, &mut take);
            }
        }
        for id in (0..IDS as u8).map(Id) {
            // Trust ends before the lease does; only a worker that cannot see its clock outlives the lease in good faith.
            let worker = self.workers[id.owner()];
            let renewed = self.lives(id) && !worker.frozen && worker.trusts;
            if self.lease(id) == Lease::Valid && !renewed {
                take(Step::Expire(id), &|s| {
                    s.incarnation(id).lease = Lease::Expired;
                    s.incarnation(id).ever_expired = true;
                });
            }
            if self.lease(id) == Lease::Emptied {
                take(Step::RemoveLease(id), &|s| s.incarnation(id).lease = Lease::None);
            }
        }
        steps
    }
}

type Take<'a> = dyn FnMut(Step, &dyn Fn(&mut State)) + 'a;

impl State {
    fn claim(&self, rules: Rules, id: Id, take: &mut Take<'_>) {
        if rules.claim_needs_the_lease_row && self.lease(id) == Lease::None {
            return;
        }
        for (n, task) in self.tasks.iter().enumerate().filter(|(_, t)| t.row == Row::Waiting) {
            let (fence, number) = (task.fence + 1, task.attempt + 1);
            let of = Attempt { task: n, id, fence, number, phase: Phase::Claimed };
            let claimed = |s: &mut State| {
                let task = &mut s.tasks[n];
                (task.row, task.fence, task.attempt) = (Row::Running(id), fence, number);
                task.newest_ran = false;
            };
            take(Step::Claim { of, lost: false }, &|s| {
                claimed(s);
                s.attempts.push(of);
            });
            if rules.claim_replies_can_be_lost && self.faults.lost_replies > 0 {
                take(Step::Claim { of, lost: true }, &|s| {
                    claimed(s);
                    s.faults.lost_replies -= 1;
                });
            }
        }
    }

    fn renew(&self, rules: Rules, w: usize, take: &mut Take<'_>) {
        let id = self.workers[w].id;
        if self.lease(id) == Lease::None {
            take(Step::Renew { id, now: Id(id.0 + 2) }, &|s| {
                s.attempts.retain(|a| a.id.owner() != w || a.phase != Phase::Claimed);
                s.take_new_id(w);
            });
            return;
        }
        take(Step::Renew { id, now: id }, &|s| {
            s.workers[w].trusts = true;
            if s.lease(id) == Lease::Expired {
                s.incarnation(id).lease = Lease::Valid;
            }
            for (n, task) in s.tasks.iter_mut().enumerate() {
                let known = |a: &Attempt| a.task == n && a.id == id && a.fence == task.fence;
                if rules.renewal_gives_back_the_unknown && task.row == Row::Running(id) && !s.attempts.iter().any(known)
                {
                    task.row = Row::Waiting;
                    task.attempt -= 1;
                    task.releases += 1;
                }
            }
        });
    }

    fn rescue(&self, rules: Rules, by: Id, take: &mut Take<'_>) {
        for of in (0..IDS as u8).map(Id).filter(|of| *of != by) {
            let lease = self.lease(of);
            let free = rules.locks_count && !self.lives(of);
            let seen = match lease {
                Lease::None | Lease::Emptied => continue,
                _ if free => By::Lock,
                Lease::Expired => By::Lease,
                Lease::Valid => continue,
            };
            take(Step::Rescue { by, of, seen }, &|s| {
                for task in s.tasks.iter_mut().filter(|t| t.row == Row::Running(of)) {
                    task.row = Row::Waiting;
                    task.deaths += 1;
                }
                s.incarnation(of).lease = if rules.rescue_is_one_transaction { Lease::None } else { Lease::Emptied };
            });
        }
    }

    /// What a worker that is awake can do next about an attempt of its.
    fn attend(&self, rules: Rules, of: Attempt, take: &mut Take<'_>) {
        let trusts = self.workers[of.id.owner()].trusts || !rules.worker_minds_its_trust;
        match of.phase {
            Phase::Claimed => {
                if trusts {
                    take(Step::Start(of), &|s| {
                        s.set_phase(of, Some(Phase::Started));
                        s.tasks[of.task].starts += 1;
                    });
                }
                if self.faults.releases > 0 {
                    take(Step::GiveBack(of), &|s| {
                        s.faults.releases -= 1;
                        s.set_phase(of, Some(Phase::Ended(Verdict::Released)));
                    });
                }
            }
            Phase::Started => {
                take(Step::End(of, Verdict::Succeeded), &|s| {
                    s.set_phase(of, Some(Phase::Ended(Verdict::Succeeded)));
                    s.tasks[of.task].newest_ran |= s.tasks[of.task].fence == of.fence;
                });
                for verdict in [Verdict::Failed, Verdict::FailedForGood] {
                    if self.faults.failures > 0 {
                        take(Step::End(of, verdict), &|s| {
                            s.faults.failures -= 1;
                            s.set_phase(of, Some(Phase::Ended(verdict)));
                        });
                    }
                }
            }
            Phase::Ended(verdict) | Phase::Unsure(verdict, _) => {
                let task = self.tasks[of.task];
                let accepted = match rules.finish_is_guarded_by {
                    Guard::Fence => task.row == Row::Running(of.id) && task.fence == of.fence,
                    Guard::Attempt => task.row == Row::Running(of.id) && task.attempt == of.number,
                    Guard::Worker => task.row == Row::Running(of.id),
                    Guard::Running => matches!(task.row, Row::Running(_)),
                };
                for lost in [false, true] {
                    if lost && self.faults.lost_replies == 0 {
                        continue;
                    }
                    take(Step::Finish { of, verdict, accepted, lost }, &|s| {
                        s.faults.lost_replies -= u8::from(lost);
                        s.set_phase(of, lost.then_some(Phase::Unsure(verdict, accepted)));
                        if accepted {
                            s.tasks[of.task].finish(verdict);
                        }
                    });
                }
            }
        }
    }
}

impl Task {
    fn finish(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Succeeded => (self.row, self.ends) = (Row::Succeeded, self.ends + 1),
            Verdict::FailedForGood => (self.row, self.ends) = (Row::Dead, self.ends + 1),
            Verdict::Failed => (self.row, self.failures) = (Row::Waiting, self.failures + 1),
            Verdict::Released => {
                (self.row, self.attempt) = (Row::Waiting, self.attempt - 1);
                self.releases += 1;
            }
        }
    }
}

struct Promise {
    name: &'static str,
    holds: fn(&State, &Step, &State) -> bool,
}

const NOTHING_IS_LOST: &str = "from every state all tasks can still end";
const ENDS_ONCE: &str = "a task ends at most once, and succeeds only by an attempt that ran to success";
const NO_OVERTAKEN_RESULT: &str = "only the newest claim's worker and fence finish a task";
const RARELY_TWICE: &str = "a receiver starts at most once, and once more per death and failure";
const RARELY_AT_ONCE: &str = "a receiver runs twice at once only if the older lease had expired";
const TRUST_ENDS_FIRST: &str = "only a worker that froze starts a receiver without a valid lease";
const RESCUABLE: &str = "a running task's worker has a lease row";
const COUNTS_AGREE: &str = "attempts, deaths, failures and fences add up";

/// Each is asked of every step: the state before, the step, the state after.
const PROMISES: [Promise; 7] = [
    Promise {
        name: ENDS_ONCE,
        holds: |_, _, after| {
            after.tasks.iter().all(|t| match t.row {
                Row::Succeeded => t.ends == 1 && t.newest_ran,
                Row::Dead => t.ends == 1,
                Row::Waiting | Row::Running(_) => t.ends == 0,
            })
        },
    },
    Promise {
        name: NO_OVERTAKEN_RESULT,
        holds: |before, step, _| match step {
            Step::Finish { of, accepted: true, .. } => {
                let task = before.tasks[of.task];
                task.row == Row::Running(of.id) && task.fence == of.fence
            }
            _ => true,
        },
    },
    // A lost reply is not in the sum: by itself it costs no second run.
    Promise {
        name: RARELY_TWICE,
        holds: |_, _, after| after.tasks.iter().all(|t| t.starts <= 1 + t.deaths + t.failures),
    },
    Promise {
        name: RARELY_AT_ONCE,
        holds: |_, _, after| {
            let running = || after.attempts.iter().filter(|a| a.phase == Phase::Started);
            running().all(|older| {
                after.incarnations[usize::from(older.id.0)].ever_expired
                    || !running().any(|a| a.task == older.task && a.fence > older.fence)
            })
        },
    },
    Promise {
        name: TRUST_ENDS_FIRST,
        holds: |before, step, _| match step {
            Step::Start(a) => {
                before.lease(a.id) == Lease::Valid || before.incarnations[usize::from(a.id.0)].ever_frozen
            }
            _ => true,
        },
    },
    Promise {
        name: RESCUABLE,
        holds: |_, _, after| {
            after.tasks.iter().all(|t| match t.row {
                Row::Running(id) => after.lease(id) != Lease::None,
                _ => true,
            })
        },
    },
    Promise {
        name: COUNTS_AGREE,
        holds: |_, _, after| {
            after.tasks.iter().all(|t| {
                let last = u8::from(t.row != Row::Waiting);
                let failures = t.failures;
                t.attempt == failures + t.deaths + last && t.fence == t.attempt + t.releases
            })
        },
    },
];

struct Explored {
    states: Vec<State>,
    /// The step by which a state was first reached, and from where; none for the first state.
    reached_by: Vec<Option<(usize, Step)>>,
    steps: Vec<(usize, Step, usize)>,
    /// For each broken promise the shortest way there.
    broken: BTreeMap<&'static str, Vec<Step>>,
}

impl Explored {
    /// Breadth first, so that the first way found to anything is a shortest one.
    fn explore(rules: Rules, tasks: usize, faults: Faults) -> Self {
        let first = State::new(tasks, faults);
        let mut known = HashMap::from([(first.clone(), 0)]);
        let mut found =
            Explored { states: vec![first], reached_by: vec![None], steps: Vec::new(), broken: BTreeMap::new() };
        let mut queue = VecDeque::from([0]);
        while let Some(here) = queue.pop_front() {
            for (step, next) in found.states[here].steps(rules) {
                for promise in &PROMISES {
                    if !(promise.holds)(&found.states[here], &step, &next) && !found.broken.contains_key(promise.name) {
                        let way = found.way_to(here).into_iter().chain([step]).collect();
                        found.broken.insert(promise.name, way);
                    }
                }
                let there = *known.entry(next).or_insert_with_key(|next| {
                    found.states.push(next.clone());
                    found.reached_by.push(Some((here, step)));
                    queue.push_back(found.states.len() - 1);
                    found.states.len() - 1
                });
                found.steps.push((here, step, there));
            }
        }
        if let Some(stuck) = found.stuck() {
            found.broken.insert(NOTHING_IS_LOST, found.way_to(stuck));
        }
        found
    }

    fn way_to(&self, mut state: usize) -> Vec<Step> {
        let mut way = Vec::new();
        while let Some((from, step)) = self.reached_by[state] {
            way.push(step);
            state = from;
        }
        way.reverse();
        way
    }

    /// The first state from which the tasks can end no more: found backwards, from the states where they have.
    /// The end must need no help: no further fault, and neither a thaw nor a restart while the other is awake.
    fn stuck(&self) -> Option<usize> {
        let mut before = vec![Vec::new(); self.states.len()];
        for &(from, step, to) in &self.steps {
            let allowed = match step {
                Step::Kill(_) | Step::Freeze(_) | Step::CutOff(_) => false,
                Step::Finish { lost, .. } | Step::Claim { lost, .. } => !lost,
                Step::Thaw(_) | Step::Restart(_) => !self.states[from].workers.iter().any(|w| w.awake()),
                _ => true,
            };
            if allowed {
                before[to].push(from);
            }
        }
        let mut ends: Vec<bool> = self.states.iter().map(State::over).collect();
        let mut queue: Vec<usize> = (0..ends.len()).filter(|s| ends[*s]).collect();
        while let Some(state) = queue.pop() {
            for &from in &before[state] {
                if !ends[from] {
                    ends[from] = true;
                    queue.push(from);
                }
            }
        }
        ends.iter().position(|ends| !ends)
    }

    fn saw(&self, what: impl Fn(&State, &Step, &State) -> bool) -> bool {
        self.steps.iter().any(|(from, step, to)| what(&self.states[*from], step, &self.states[*to]))
    }

    fn report(&self) -> String {
        use std::fmt::Write;
        let mut report = format!("{} states, {} steps\n", self.states.len(), self.steps.len());
        for (promise, way) in &self.broken {
            _ = writeln!(report, "broken: {promise}");
            for (n, step) in way.iter().enumerate() {
                _ = writeln!(report, "{:4}. {step}", n + 1);
            }
        }
        report
    }
}

const FAULTS: Faults = Faults { kills: 1, freezes: 1, cut_offs: 1, lost_replies: 1, failures: 1, releases: 1 };

#[test]
fn x() {
    for (n, f) in [
        (1, FAULTS),
        (1, Faults { cut_offs: 2, ..FAULTS }),
        (2, Faults { failures: 0, releases: 0, ..FAULTS }),
        (2, Faults { failures: 0, releases: 0, cut_offs: 0, ..FAULTS }),
        (2, Faults { failures: 0, releases: 0, kills: 0, ..FAULTS }),
    ] {
        let t = std::time::Instant::now();
        let e = Explored::explore(PROTOCOL, n, f);
        println!("{n} {:?} {}", t.elapsed(), e.report());
    }
    for r in [
        Rules { finish_is_guarded_by: Guard::Running, ..PROTOCOL },
        Rules { finish_is_guarded_by: Guard::Worker, ..PROTOCOL },
        Rules { finish_is_guarded_by: Guard::Attempt, ..PROTOCOL },
        Rules { claim_needs_the_lease_row: false, ..PROTOCOL },
        Rules { rescue_is_one_transaction: false, ..PROTOCOL },
        Rules { worker_minds_its_trust: false, ..PROTOCOL },
        Rules { locks_count: false, ..PROTOCOL },
        Rules { claim_replies_can_be_lost: true, ..PROTOCOL },
        Rules { claim_replies_can_be_lost: true, renewal_gives_back_the_unknown: true, ..PROTOCOL },
    ] {
        let t = std::time::Instant::now();
        let e = Explored::explore(r, 1, FAULTS);
        println!("twin {:?} {}", t.elapsed(), e.report());
    }
}
