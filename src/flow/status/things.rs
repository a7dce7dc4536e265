//! What needs a person, each thing once: an action with the drift that it would mend, passes that did not run together.

use super::{OLD_PASS_MS, PassSummary, Pending, Summary, count};
use crate::flow::drift::DriftKind;
use crate::flow::time::span;

impl Summary {
    /// Returns how many things need a person.
    pub fn needs(&self) -> usize {
        self.decisions().len() + self.others().len()
    }

    /// Returns the verdict in words.
    pub fn verdict(&self) -> String {
        match self.needs() {
            0 => "all quiet".into(),
            1 => "1 thing needs you".into(),
            n => format!("{n} things need you"),
        }
    }

    /// Returns the things as sentences: first what can be decided, with the drift that it would mend.
    pub fn things(&self) -> Vec<String> {
        let decisions = self.decisions().iter().map(|pending| {
            let about: Vec<&str> = self
                .attention
                .iter()
                .map(String::as_str)
                .filter(|s| is_about(s, pending) && !failed(s, pending))
                .collect();
            about.join(": ")
        });
        decisions.chain(self.others()).collect()
    }

    /// Returns the sentences that no action's own tells already; of the passes that did not run there is one.
    pub fn others(&self) -> Vec<String> {
        let told = |sentence: &&String| {
            self.decisions().iter().any(|p| is_about(sentence, p)) || self.is_silent_unheard(sentence)
        };
        let (late, mut others): (Vec<&String>, Vec<&String>) =
            self.attention.iter().filter(|s| !told(s)).partition(|s| self.is_late(s));
        match late[..] {
            [] | [_] => others.extend(late),
            _ => return others.into_iter().cloned().chain([self.late_passes()]).collect(),
        }
        others.into_iter().cloned().collect()
    }

    /// A mirror has nothing to decide on.
    fn decisions(&self) -> &[Pending] {
        if self.mirror.is_some() { &[] } else { &self.pending }
    }

    /// Returns whether a node is silent only because nobody has looked since: it was heard well when observe ran last.
    fn is_silent_unheard(&self, sentence: &str) -> bool {
        let old = |pass: &PassSummary| pass.age_seconds.is_some_and(|age| age * 1000 > OLD_PASS_MS);
        let Some((node, _)) = sentence.split_once(" has been silent for ") else { return false };
        let was_silent = self.drift.iter().any(|d| d.kind == DriftKind::SilentNode && d.node.as_str() == node);
        self.passes.get("observe").is_some_and(old) && !was_silent
    }

    fn is_late(&self, sentence: &str) -> bool {
        let rest = self.passes.keys().find_map(|name| sentence.strip_prefix(name.as_str()));
        rest.is_some_and(|rest| rest == " never ran" || (rest.starts_with(" ran ") && rest.ends_with(" ago")))
    }

    fn late_passes(&self) -> String {
        let of = |wanted: bool| -> Vec<&str> {
            let late = self
                .passes
                .iter()
                .filter(|(_, p)| p.age_seconds.map_or(wanted, |age| !wanted && age * 1000 > OLD_PASS_MS));
            late.map(|(name, _)| name.as_str()).collect()
        };
        let (never, late) = (of(true), of(false));
        let age = self.passes.values().filter_map(|p| p.age_seconds).max().unwrap_or_default();
        let never = (!never.is_empty()).then(|| format!("{} never ran", listed(&never)));
        let late = (!late.is_empty()).then(|| format!("{} ran {} ago", listed(&late), span(age * 1000)));
        [late, never].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// Returns how many services are well, in words; those of silent nodes were so when they were heard last.
    pub fn health(&self) -> String {
        let silent = self.node_lines.iter().filter(|line| line.standing == super::NodeStanding::Silent);
        let unheard = silent.flat_map(|line| &line.services).filter(|(_, _, well)| *well).count();
        let well = self.services.healthy.saturating_sub(unheard);
        let unheard = if unheard == 0 { String::new() } else { format!(", {unheard} not heard of") };
        let (services, nodes) = (count(self.services.total, "service"), count(self.nodes.total, "node"));
        format!("{well} of {services} healthy on {nodes}{unheard}")
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn failed(sentence: &str, pending: &Pending) -> bool {
    sentence.strip_prefix(pending.id.as_str()).is_some_and(|rest| rest.starts_with(" failed: "))
}

fn is_about(sentence: &str, pending: &Pending) -> bool {
    let waits = sentence.strip_prefix(pending.id.as_str()).is_some_and(|rest| rest.starts_with(" waits for approval"));
    let drift = match &pending.service {
        Some(service) => sentence.starts_with(&format!("{service} on {} is ", pending.node)),
        None => sentence.starts_with(&format!("the disk of {} is under pressure", pending.node)),
    };
    waits || drift || failed(sentence, pending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(attention: &[&str], passes: &[(&str, Option<i64>)]) -> Summary {
        let mut summary = Summary::empty();
        summary.attention = attention.iter().map(|s| (*s).to_owned()).collect();
        let pass = |age_seconds| PassSummary { last_finished: None, ok: true, age_seconds, error: None, took: None };
        summary.passes = passes.iter().map(|(name, age)| ((*name).to_owned(), pass(*age))).collect();
        summary
    }

    fn waits(id: &str, kind: &str, service: Option<&str>) -> Pending {
        let pending = serde_json::json!({
            "id": id, "type": kind, "risk": "low", "node": "piha", "service": service, "age_seconds": 4,
        });
        serde_json::from_value(pending).unwrap()
    }

    #[test]
    fn an_action_and_its_drift_are_one_thing() {
        let mut summary = summary(
            &[
                "web on piha is missing",
                "web on piha2 is missing",
                "redeploy-piha-web waits for approval, for 4 s",
                "redeploy-piha-db failed: timeout",
            ],
            &[],
        );
        assert_eq!(summary.needs(), 4);
        summary.pending = vec![waits("redeploy-piha-web", "redeploy", Some("web"))];
        assert_eq!(
            summary.things(),
            [
                "web on piha is missing: redeploy-piha-web waits for approval, for 4 s",
                "web on piha2 is missing",
                "redeploy-piha-db failed: timeout"
            ]
        );
        assert_eq!((summary.needs(), summary.verdict().as_str()), (3, "3 things need you"));
    }

    #[test]
    fn passes_that_did_not_run_are_one_thing() {
        let all = ["observe ran 20 min ago", "execute never ran", "reconcile ran 21 min ago", "reconcile failed: x"];
        let passes = [("observe", Some(1200)), ("reconcile", Some(1260)), ("execute", None)];
        let both = summary(&all, &passes);
        assert_eq!(both.things(), ["reconcile failed: x", "observe and reconcile ran 21 min ago; execute never ran"]);
        let one = summary(&all[..1], &passes[..1]);
        assert_eq!(one.things(), ["observe ran 20 min ago"]);
        assert_eq!(summary(&[], &[]).verdict(), "all quiet");
        let silent = ["piha has been silent for 20 min", all[0]];
        assert_eq!(summary(&silent, &passes).things(), silent[1..], "nobody has looked whether it is");
        assert_eq!(summary(&silent[..1], &[("observe", Some(5))]).things(), silent[..1]);
    }
}
