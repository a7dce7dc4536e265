//! The order of a pass: oldest approval first, one action a node, a dependency before what depends on it. Decides;
//! runs nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::action::ActionId;
use super::desired::Desired;
use super::name::{NodeName, ServiceName};

type Pair = (NodeName, ServiceName);

/// An approved action, in the order in which it was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its ID.
    pub id: ActionId,
    /// The canonical node.
    pub node: NodeName,
    /// The service; none for the node itself.
    pub service: Option<ServiceName>,
}

/// How an action's turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was done.
    Well,
    /// It failed: what depends on it waits for another pass.
    Failed,
    /// It could not be begun.
    Left,
    /// Its node could not be had: neither can it for the node's other actions.
    NodeAway,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This one runs.
    Run(Item),
    /// Something that runs has to end first.
    Wait,
    /// Nothing is left to run.
    Done,
}

/// The actions of a pass that have not had their turn.
#[derive(Debug, Default)]
pub struct Order {
    waiting: Vec<Item>,
    running: Vec<Item>,
    needs: BTreeMap<ActionId, BTreeSet<ActionId>>,
    /// Those that stay approved, and why.
    left: BTreeMap<ActionId, String>,
}

impl Order {
    /// Puts approved actions in order; they come with the oldest approval first.
    pub fn new(desired: &Desired, items: Vec<Item>) -> Order {
        let mut of_pair: BTreeMap<Pair, BTreeSet<ActionId>> = BTreeMap::new();
        for item in &items {
            if let Some(service) = &item.service {
                of_pair.entry((item.node.clone(), service.clone())).or_default().insert(item.id.clone());
            }
        }
        let needs = items.iter().map(|item| {
            let pairs = item.service.as_ref().map(|s| dependencies(desired, &item.node, s)).unwrap_or_default();
            let ids = pairs.iter().filter_map(|pair| of_pair.get(pair)).flatten().filter(|id| **id != item.id);
            (item.id.clone(), ids.cloned().collect())
        });
        Order { needs: needs.collect(), waiting: items, ..Order::default() }
    }

    /// Returns what comes next.
    pub fn next_turn(&mut self) -> Next {
        if self.waiting.is_empty() {
            return Next::Done;
        }
        let open: BTreeSet<&ActionId> = self.waiting.iter().chain(&self.running).map(|i| &i.id).collect();
        let is_free = |item: &Item| !self.running.iter().any(|r| r.node == item.node);
        let is_ready = |item: &Item| self.needs[&item.id].iter().all(|id| !open.contains(id));
        match self.waiting.iter().position(|item| is_free(item) && is_ready(item)) {
            Some(at) => {
                let item = self.waiting.remove(at);
                self.running.push(item.clone());
                Next::Run(item)
            }
            // Hosts whose services depend on each other in a circle are broken, so there is always one.
            None if self.running.is_empty() => Next::Done,
            None => Next::Wait,
        }
    }

    /// Takes note of how an action's turn ended.
    pub fn ended(&mut self, item: &Item, end: &End) {
        self.running.retain(|r| r.id != item.id);
        if *end == End::NodeAway {
            let why = format!("{} could not be reached in this pass", item.node);
            self.leave(why, |other| other.node == item.node);
        }
        let mut undone: BTreeSet<ActionId> = self.left.keys().cloned().collect();
        undone.extend((*end != End::Well).then(|| item.id.clone()));
        // What is left takes its own dependants with it.
        while let Some((id, needed)) =
            self.waiting.iter().find_map(|i| Some((&i.id, self.needs[&i.id].intersection(&undone).next()?)))
        {
            let (id, why) = (id.clone(), format!("it depends on {needed}, which was not done in this pass"));
            self.leave(why, |other| other.id == id);
            undone.insert(id);
        }
    }

    /// Returns those that stay approved, and why.
    pub fn left(self) -> BTreeMap<ActionId, String> {
        self.left
    }

    fn leave(&mut self, why: String, is_left: impl Fn(&Item) -> bool) {
        let (left, waiting): (Vec<Item>, Vec<Item>) = std::mem::take(&mut self.waiting).into_iter().partition(is_left);
        self.waiting = waiting;
        self.left.extend(left.into_iter().map(|item| (item.id, why.clone())));
    }
}

/// Returns everything that a service depends on, directly or not.
fn dependencies(desired: &Desired, node: &NodeName, service: &ServiceName) -> BTreeSet<Pair> {
    let mut found = BTreeSet::new();
    let mut open = vec![(node.clone(), service.clone())];
    while let Some((node, service)) = open.pop() {
        let settings = desired.hosts.get(&node).and_then(|h| h.service(&service)).map(|s| &s.settings);
        for needed in settings.into_iter().flat_map(|s| &s.depends_on) {
            let host = needed.node.as_ref().map_or_else(|| node.clone(), |n| desired.canonical(n));
            let pair = (host, needed.service.clone());
            if found.insert(pair.clone()) {
                open.push(pair);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn order(hosts: &[(&str, &str)], items: &[&str]) -> Order {
        let item = |text: &&str| {
            let (node, service) = text.split_once('/').unwrap();
            let (node, service): (NodeName, ServiceName) = (node.parse().unwrap(), service.parse().unwrap());
            Item { id: format!("{node}-{service}").parse().unwrap(), node, service: Some(service) }
        };
        let hosts: [(&str, &str); 2] = [hosts[0], hosts[1]];
        Order::new(&fixtures::Lab::new(hosts, "").desired(), items.iter().map(item).collect())
    }

    /// Runs all, one at a time; those named fail or find their node away.
    fn run(mut order: Order, end: impl Fn(&str) -> End) -> (Vec<String>, Vec<String>) {
        let mut ran = Vec::new();
        while let Next::Run(item) = order.next_turn() {
            order.ended(&item, &end(item.id.as_str()));
            ran.push(item.id.to_string());
        }
        (ran, order.left().into_iter().map(|(id, why)| format!("{id}: {why}")).collect())
    }

    const HOSTS: [(&str, &str); 2] =
        [("a", "[{name: app, depends_on: [db, b/mqtt]}, db, {name: web, depends_on: [app]}]"), ("b", "[mqtt, other]")];

    #[test]
    fn a_dependency_runs_first_across_hosts_and_through_what_is_not_approved() {
        let all = run(order(&HOSTS, &["a/web", "a/app", "b/other", "b/mqtt", "a/db"]), |_| End::Well).0;
        assert_eq!(all, ["b-other", "b-mqtt", "a-db", "a-app", "a-web"]);
        assert_eq!(run(order(&HOSTS, &["a/web", "a/db"]), |_| End::Well).0, ["a-db", "a-web"]);
    }

    #[test]
    fn what_depends_on_a_failed_one_stays_and_so_does_what_depends_on_that() {
        let fails = |id: &str| if id == "b-mqtt" { End::Failed } else { End::Well };
        let (ran, left) = run(order(&HOSTS, &["a/web", "a/app", "b/mqtt", "b/other", "a/db"]), fails);
        assert_eq!(ran, ["b-mqtt", "b-other", "a-db"]);
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left[0].contains("depends on b-mqtt"), "{left:?}");
    }

    #[test]
    fn a_node_that_is_away_is_not_tried_again() {
        let away = |id: &str| if id == "b-other" { End::NodeAway } else { End::Well };
        let (ran, left) = run(order(&HOSTS, &["b/other", "b/mqtt", "a/app", "a/db"]), away);
        assert_eq!(ran, ["b-other", "a-db"]);
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn one_action_a_node_runs_at_a_time() {
        let mut order = order(&HOSTS, &["a/db", "a/web", "b/other"]);
        let Next::Run(first) = order.next_turn() else { panic!() };
        assert!(matches!(order.next_turn(), Next::Run(item) if item.node.as_str() == "b"));
        assert_eq!(order.next_turn(), Next::Wait);
        order.ended(&first, &End::Well);
        assert!(matches!(order.next_turn(), Next::Run(item) if item.node.as_str() == "a"));
        assert_eq!(order.next_turn(), Next::Done);
    }
}
