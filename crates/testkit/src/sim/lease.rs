//! The lease protocol, explored exhaustively: every order in which the steps of nodes, store and time can follow one another.
//!
//! # The protocol
//!
//! A node registers, under a name that no lease holds, and has a new epoch and a lease by the store's clock. It prolongs a lease that has not ended. It takes a run whose owner's
//! lease has ended. It appends under its epoch, and the store refuses what does not come from the run's owner. It acts while its lease lasts
//! by its own steady clock, counted from before the statement was sent, less a margin.
//!
//! # The model
//!
//! Time passes in ticks, and is kept as what is left of each lease, so that no horizon bounds it. Each node has one statement under way and
//! one given up that may still arrive. A statement or its answer may be lost or late without bound, a node may take no step for any time or
//! die at any point, and its steady clock may lose one tick per lease. What is bounded: the nodes, one run, and the epochs ever given out.
//!
//! # What is looked for
//!
//! - A node that may act is the owner that the store knows: so no two nodes ever act at once.
//! - The journal hears each epoch in one stretch: who lost the run is never heard again.
//! - From every state, if nothing more goes wrong and an epoch is left, some node comes to act.

use std::collections::HashMap;

/// Length of a lease in ticks.
const LEASE: u8 = 2;
/// Epochs given out at most.
const EPOCHS_MAX: u8 = 3;
const NODES: usize = 2;

/// The rules, each of which can be left out to see what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// How much earlier than its lease ends a node stops acting, in ticks.
    pub margin: u8,
    /// Whether a lease is counted from before its statement was sent, not from when the answer came.
    pub counts_from_sending: bool,
    /// Whether appends are refused that do not come from the owner.
    pub fences: bool,
    /// Whether a node registers only under a name whose lease has ended.
    pub keeps_names: bool,
    /// Whether the store takes a run only from an owner whose lease has ended.
    pub waits_for_end: bool,
}

impl Protocol {
    /// All rules kept.
    pub const WHOLE: Self = Self { margin: 1, counts_from_sending: true, fences: true, keeps_names: true, waits_for_end: true };
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Distinct states.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// The first state in which a promise is broken, and which.
    pub broken: Option<String>,
    /// States from which nobody comes to act although nothing more goes wrong.
    pub stuck: usize,
    /// States in which some node acts.
    pub acting: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Asked {
    Register,
    Prolong,
    Take,
    Append,
}

/// A statement on its way, or its answer on the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Letter {
    asked: Asked,
    epoch: u8,
    /// Ticks since it was sent by its sender's clock; no more than a lease.
    age: u8,
    /// Whether that clock has lost a tick since.
    has_lagged: bool,
    /// The answer: 0 for no, else the epoch it is about; `None` while it has not arrived.
    answer: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Node {
    epoch: u8,
    /// Ticks until it stops acting, by its own clock.
    left: u8,
    owns: bool,
    /// Whether its clock has lost a tick of this lease.
    has_lagged: bool,
    sent: Option<Letter>,
    given_up: Option<Letter>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    epoch_last: u8,
    /// Epoch and ticks left of each node's lease, by the store's clock.
    leases: [(u8, u8); NODES],
    owner: u8,
    /// Epoch of the last append, and those before it as bits.
    heard: u8,
    heard_before: u8,
    is_broken: bool,
    nodes: [Node; NODES],
}

impl Letter {
    /// Nobody waits for its answer any more, so its age is of no interest.
    fn aged(self) -> Self {
        Self { age: 0, has_lagged: false, ..self }
    }
}

impl Node {
    fn may_act(&self) -> bool {
        self.owns && self.left > 0
    }

    fn forget(&mut self) {
        (self.epoch, self.left, self.owns) = (0, 0, false);
    }
}

impl State {
    fn has_lease(&self, epoch: u8) -> bool {
        epoch > 0 && self.leases.iter().any(|(own, left)| *own == epoch && *left > 0)
    }

    /// What is wrong with it.
    fn broken(&self) -> Option<String> {
        let usurper = self.nodes.iter().position(|node| node.may_act() && node.epoch != self.owner);
        match (usurper, self.is_broken) {
            (Some(node), _) => Some(format!("node {node} acts, but the run belongs to epoch {}: {self:?}", self.owner)),
            (None, true) => Some(format!("an epoch is heard again after another: {self:?}")),
            (None, false) => None,
        }
    }

    /// The store does a statement of a node; gives the answer.
    fn execute(&mut self, protocol: &Protocol, node: usize, letter: Letter) -> u8 {
        let epoch = letter.epoch;
        match letter.asked {
            // A name whose lease lasts is not given again: its holder may still act, and a registration may arrive late.
            Asked::Register if self.epoch_last < EPOCHS_MAX && (self.leases[node].1 == 0 || !protocol.keeps_names) => {
                self.epoch_last += 1;
                self.leases[node] = (self.epoch_last, LEASE);
                self.epoch_last
            }
            Asked::Register => 0,
            Asked::Prolong if self.has_lease(epoch) => {
                self.leases[node] = (epoch, LEASE);
                epoch
            }
            Asked::Take if self.has_lease(epoch) => {
                let is_free = self.owner == epoch || !self.has_lease(self.owner) || !protocol.waits_for_end;
                if is_free {
                    self.owner = epoch;
                }
                if is_free { epoch } else { 0 }
            }
            Asked::Prolong | Asked::Take => 0,
            Asked::Append if self.owner == epoch || !protocol.fences => {
                if self.heard != epoch {
                    self.heard_before |= 1 << self.heard;
                    self.is_broken |= self.heard_before & (1 << epoch) != 0;
                    self.heard = epoch;
                }
                epoch
            }
            Asked::Append => 0,
        }
    }

    /// A node hears the answer to the statement it waits for.
    fn hear(&mut self, protocol: &Protocol, number: usize, letter: Letter, answer: u8) {
        let node = &mut self.nodes[number];
        let late = if protocol.counts_from_sending { letter.age } else { 0 };
        let left = LEASE.saturating_sub(protocol.margin).saturating_sub(late);
        match (letter.asked, answer) {
            (Asked::Register, 0) => {}
            (Asked::Register, epoch) => (node.epoch, node.left, node.has_lagged) = (epoch, left, letter.has_lagged),
            // An answer that is old tells of less than what is known.
            (Asked::Prolong, epoch) if epoch == node.epoch && epoch > 0 => {
                if left > node.left {
                    (node.left, node.has_lagged) = (left, letter.has_lagged);
                }
            }
            (Asked::Prolong, _) => node.forget(),
            (Asked::Take | Asked::Append, epoch) => node.owns = epoch > 0 && epoch == node.epoch,
        }
        if node.left == 0 {
            node.forget();
        }
    }

    /// The same state without what can make no difference any more, nodes in one order: as few states stand for as many as possible.
    fn plain(mut self) -> Self {
        for lease in &mut self.leases {
            if lease.1 == 0 {
                lease.0 = 0;
            }
        }
        let leases = self.leases;
        let lives = |epoch: u8| leases.iter().any(|(own, _)| *own == epoch && epoch > 0);
        for node in &mut self.nodes {
            node.has_lagged &= node.epoch > 0;
            let is_idle = |letter: &Letter| matches!(letter.asked, Asked::Prolong | Asked::Take) && !lives(letter.epoch);
            node.given_up = node.given_up.filter(|letter| !is_idle(letter));
            if let Some(letter) = node.sent.as_mut().filter(|letter| matches!(letter.asked, Asked::Take | Asked::Append)) {
                *letter = letter.aged();
            }
        }
        if (self.leases[1], self.nodes[1]) < (self.leases[0], self.nodes[0]) {
            self.leases.swap(0, 1);
            self.nodes.swap(0, 1);
        }
        self
    }

    fn tick(&self, lags: [bool; NODES]) -> Self {
        let mut next = *self;
        for (_, left) in &mut next.leases {
            *left = left.saturating_sub(1);
        }
        for (node, lags) in next.nodes.iter_mut().zip(lags) {
            match lags {
                true => node.has_lagged = true,
                false => node.left = node.left.saturating_sub(1),
            }
            if node.left == 0 {
                node.forget();
            }
            if let Some(letter) = &mut node.sent {
                letter.has_lagged |= lags;
                letter.age = LEASE.min(letter.age + u8::from(!lags));
            }
        }
        next
    }

    /// Every state that can follow; `true` where nothing goes wrong in between.
    fn following(&self, protocol: &Protocol) -> Vec<(Self, bool)> {
        let mut found = Vec::new();
        let may_lag = |node: usize| !self.nodes[node].has_lagged && !self.nodes[node].sent.is_some_and(|letter| letter.has_lagged);
        for lags in [[false, false], [true, false], [false, true], [true, true]] {
            if (0..NODES).all(|node| !lags[node] || may_lag(node)) {
                found.push((self.tick(lags), lags == [false, false]));
            }
        }
        for number in 0..NODES {
            self.of_node(protocol, number, &mut found);
        }
        found
    }

    fn of_node(&self, protocol: &Protocol, number: usize, found: &mut Vec<(Self, bool)>) {
        let node = self.nodes[number];
        let mut add = |is_good: bool, change: &dyn Fn(&mut Self)| {
            let mut next = *self;
            change(&mut next);
            found.push((next, is_good));
        };
        // It dies, and another life begins; what was under way may still arrive.
        add(false, &|next| {
            next.nodes[number] =
                Node { given_up: node.sent.filter(|letter| letter.answer.is_none()).map(Letter::aged).or(node.given_up), ..Node::default() }
        });
        match node.sent {
            None => {
                let asks: &[Asked] = match (node.epoch, node.owns) {
                    (0, _) => &[Asked::Register],
                    (_, false) => &[Asked::Prolong, Asked::Take],
                    (_, true) => &[Asked::Prolong, Asked::Append],
                };
                for asked in asks {
                    let letter = Letter { asked: *asked, epoch: node.epoch, age: 0, has_lagged: false, answer: None };
                    add(true, &|next| next.nodes[number].sent = Some(letter));
                }
            }
            Some(letter) => {
                // Who waits for an answer gives up after a while; that is no fault.
                add(letter.age > 0, &|next| next.nodes[number].sent = None);
                if node.given_up.is_none() && letter.answer.is_none() {
                    add(false, &|next| (next.nodes[number].sent, next.nodes[number].given_up) = (None, Some(letter.aged())));
                }
                match letter.answer {
                    None => add(true, &|next| {
                        let answer = Some(next.execute(protocol, number, letter));
                        next.nodes[number].sent = Some(Letter { answer, ..letter });
                    }),
                    Some(answer) => add(true, &|next| {
                        next.nodes[number].sent = None;
                        next.hear(protocol, number, letter, answer);
                    }),
                }
            }
        }
        if let Some(letter) = node.given_up {
            add(false, &|next| {
                next.nodes[number].given_up = None;
                next.execute(protocol, number, letter);
            });
            add(true, &|next| next.nodes[number].given_up = None);
        }
    }
}

/// Explores every state that can be reached.
pub fn explore(protocol: &Protocol) -> Explored {
    let mut numbers: HashMap<State, u32> = HashMap::new();
    let mut states = vec![State::default()];
    // Steps in which nothing goes wrong, against their direction.
    let mut good_before: Vec<Vec<u32>> = vec![Vec::new()];
    numbers.insert(State::default(), 0);
    let (mut at, mut steps) = (0, 0);
    while let Some(state) = states.get(at).copied() {
        if let Some(broken) = state.broken() {
            return Explored { states: states.len(), steps, broken: Some(broken), stuck: 0, acting: 0 };
        }
        for (next, is_good) in state.following(protocol) {
            let next = next.plain();
            steps += 1;
            let number = *numbers.entry(next).or_insert_with(|| {
                states.push(next);
                good_before.push(Vec::new());
                u32::try_from(states.len() - 1).unwrap_or(u32::MAX)
            });
            if is_good && let Some(before) = good_before.get_mut(number as usize) {
                before.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        at += 1;
    }
    let acting = states.iter().filter(|state| state.nodes.iter().any(Node::may_act)).count();
    Explored { states: states.len(), steps, broken: None, stuck: count_stuck(&states, &good_before), acting }
}

/// States with an epoch left from which no good steps lead to a node that acts.
fn count_stuck(states: &[State], good_before: &[Vec<u32>]) -> usize {
    let mut leads_there: Vec<bool> = states.iter().map(|state| state.nodes.iter().any(Node::may_act)).collect();
    let mut to_look_at: Vec<usize> = (0..states.len()).filter(|at| leads_there.get(*at) == Some(&true)).collect();
    while let Some(at) = to_look_at.pop() {
        for before in good_before.get(at).into_iter().flatten() {
            if let Some(known @ false) = leads_there.get_mut(*before as usize) {
                *known = true;
                to_look_at.push(*before as usize);
            }
        }
    }
    states.iter().zip(&leads_there).filter(|(state, leads_there)| state.epoch_last < EPOCHS_MAX && !**leads_there).count()
}
