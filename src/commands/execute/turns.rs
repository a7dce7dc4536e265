//! Hands the approved actions of a pass to its threads, in their order, each with what is known of its node.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::flow::action::ActionId;
use crate::flow::desired::Desired;
use crate::flow::name::NodeName;
use crate::flow::order::{End, Item, Next, Order};
use crate::runner::Node;
use crate::store::actions::Entry;

/// The turns of a pass.
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    order: Order,
    entries: BTreeMap<ActionId, Entry>,
    nodes: BTreeMap<NodeName, Node>,
}

impl Turns {
    /// Puts approved actions, oldest first, in order.
    pub fn new(desired: &Desired, approved: Vec<Entry>) -> Turns {
        let item = |entry: &Entry| Item {
            id: entry.action.id.clone(),
            node: desired.canonical(&entry.action.node),
            service: entry.action.service.clone(),
        };
        let order = Order::new(desired, approved.iter().map(item).collect());
        let entries = approved.into_iter().map(|e| (e.action.id.clone(), e)).collect();
        Turns { state: Mutex::new(State { order, entries, nodes: BTreeMap::new() }), changed: Condvar::new() }
    }

    /// Runs one action after the other until none is left for this thread.
    pub fn take(&self, run: impl Fn(&Entry, &mut Node) -> End) {
        let mut state = self.lock();
        loop {
            match state.order.next_turn() {
                Next::Done => return,
                Next::Wait => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Next::Run(item) => {
                    let entry = state.entries.remove(&item.id);
                    let mut node = state.nodes.remove(&item.node).unwrap_or_default();
                    drop(state);
                    let end = entry.map_or(End::Left, |entry| run(&entry, &mut node));
                    state = self.lock();
                    state.nodes.insert(item.node.clone(), node);
                    state.order.ended(&item, &end);
                    self.changed.notify_all();
                }
            }
        }
    }

    /// Returns the actions that had no turn, and why.
    pub fn left(self) -> BTreeMap<ActionId, String> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).order.left()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
