//! What ran before anything was disturbed: what a roll-back goes back to. Kept among the facts of the record, so that
//! an attempt that was cut off tells the next one what there was before it.

use std::collections::BTreeMap;

use super::verdict::Reason;
use crate::flow::action::Outcome;
use crate::flow::engine::Container;
use crate::flow::plan::{Phase, Step};

/// What was there before anything was disturbed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before {
    /// The repository's commit.
    pub commit: Option<String>,
    /// What ran; none where the engine did not say.
    pub ran: Option<Ran>,
    /// Whether this is what ran before an earlier attempt, which changed what runs and was not put back.
    pub is_resumed: bool,
}

/// What ran of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// The images of its containers, each with the name under which it was started.
    pub images: Vec<Image>,
    /// Its containers.
    pub own: Vec<Known>,
    /// All containers of its Compose project, orphans too.
    pub all: Vec<Known>,
    /// That project.
    pub project: Option<String>,
}

/// An image that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A container that was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The project's service that it is; `-` where it is none.
    service: String,
    /// Its name.
    pub name: String,
    /// The first digits of its ID.
    id: String,
}

/// An earlier attempt at the same, which neither ended well nor was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The facts of its record.
    pub facts: BTreeMap<String, String>,
    /// Whether it is over: it disturbed nothing, or the service was healthy since.
    pub is_over: bool,
}

/// The fact that names the commit of the repository: that before, then that which is deployed.
pub const COMMIT: &str = "commit";

/// The fact that an earlier attempt had changed what runs and was not put back.
pub const RESUMES: &str = "resumes";

/// Names of the other facts.
const COMMIT_BEFORE: &str = "commit_before";
const IMAGES: &str = "images_before";
const CONTAINERS: &str = "containers_before";

impl Unfinished {
    /// Remembers how an attempt ended, and at which step.
    pub fn new(outcome: &Outcome, step: Option<&Step>, is_healthy_since: bool) -> Unfinished {
        let mut facts = outcome.facts.clone();
        // Where the fetch itself was cut off, nobody has seen how far the repository came.
        if step.is_some_and(Step::fetches_commit) && outcome.reason.as_deref() != Some(Reason::FetchFailed.as_str()) {
            facts.remove(COMMIT);
        }
        let has_disturbed = step.is_none_or(|step| step.phase != Phase::Fetch);
        let is_over = is_healthy_since || !(has_disturbed || facts.contains_key(RESUMES));
        Unfinished { facts, is_over }
    }
}

impl Known {
    /// Returns what is remembered of a container.
    pub fn of(container: &Container) -> Known {
        let service = if container.service.is_empty() { "-" } else { &container.service };
        let id = container.id.chars().take(12).collect();
        Known { service: service.to_owned(), name: container.name.clone(), id }
    }
}

impl Ran {
    /// Returns those of the project's containers whose service was not there before.
    pub fn added<'a>(&self, now: &'a [Container]) -> Vec<&'a Container> {
        let was_there = |c: &&Container| {
            let c = Known::of(c);
            self.all.iter().any(|known| known.id == c.id || known.service == c.service)
        };
        // An older record does not tell what was there.
        now.iter().filter(|c| !self.all.is_empty() && !c.service.is_empty() && !was_there(c)).collect()
    }
}

impl Before {
    /// Returns it as facts of the record.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let ran = self.ran.as_ref();
        let images = ran.map(|ran| joined(ran.images.iter().map(|i| format!("{} {}", i.name, i.id))));
        let known = |c: &Known| format!("{} {} {}", c.service, c.name, c.id);
        let containers = ran.map(|ran| joined(ran.all.iter().map(known)));
        let resumes = self.is_resumed.then(|| "an earlier attempt that was not put back".to_owned());
        let facts =
            [(COMMIT_BEFORE, self.commit.clone()), (IMAGES, images), (CONTAINERS, containers), (RESUMES, resumes)];
        let facts = facts.into_iter().filter_map(|(name, fact)| Some((name, fact.filter(|f| !f.is_empty())?)));
        facts.map(|(name, fact)| (name.to_owned(), fact)).collect()
    }

    /// Reads the facts of an earlier record; none where they name nothing to go back to.
    fn of(facts: &BTreeMap<String, String>) -> Option<(String, Ran)> {
        let list = |name: &str| facts.get(name).into_iter().flat_map(|list| list.split(", "));
        let image = |text: &str| {
            let (name, id) = text.rsplit_once(' ')?;
            Some(Image { id: id.to_owned(), name: name.to_owned() })
        };
        let known = |text: &str| {
            let mut words = text.split(' ').map(str::to_owned);
            Some(Known { service: words.next()?, name: words.next()?, id: words.next()? })
        };
        let images: Vec<Image> = list(IMAGES).filter_map(image).collect();
        let all = list(CONTAINERS).filter_map(known).collect();
        let commit = facts.get(COMMIT_BEFORE).filter(|_| !images.is_empty())?;
        Some((commit.clone(), Ran { images, all, ..Ran::default() }))
    }

    /// Returns what ran before an earlier attempt instead, where that is what there is to go back to: the repository
    /// still is where that attempt left it, and the attempt is not over or what ran before it still runs. Whoever has
    /// moved the repository on by hand has decided what it goes back to, too.
    pub fn or_before(self, earlier: Option<&Unfinished>) -> Before {
        let Some((earlier, (commit, old))) = earlier.and_then(|e| Some((e, Before::of(&e.facts)?))) else {
            return self;
        };
        let deployed = earlier.facts.get(COMMIT);
        let is_left = deployed.is_none() || deployed == self.commit.as_ref() || self.commit.as_ref() == Some(&commit);
        let runs_still =
            |ran: &Ran| !ran.own.is_empty() && ran.own.iter().all(|own| old.all.iter().any(|known| known.id == own.id));
        if !is_left || (earlier.is_over && !self.ran.as_ref().is_some_and(runs_still)) {
            return self;
        }
        let ran = self.ran.unwrap_or_default();
        let ran = Some(Ran { own: ran.own, project: ran.project, ..old });
        Before { commit: Some(commit), ran, is_resumed: !earlier.is_over }
    }
}

/// Returns in words what ran before, as the facts of a record tell it.
pub fn in_words(facts: &BTreeMap<String, String>) -> String {
    let fact = |name: &str| facts.get(name).map_or("not known", String::as_str);
    format!("before were commit {} and images {}", fact(COMMIT_BEFORE), fact(IMAGES))
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Known {
        let words: Vec<&str> = text.split(' ').collect();
        Known { service: words[0].into(), name: words[1].into(), id: words[2].into() }
    }

    fn before(commit: &str, image: &str, container: &str) -> Before {
        let images = vec![Image { id: image.into(), name: "web:1".into() }];
        let all = vec![known(container), known("- other 3")];
        let own = vec![known(container)];
        let ran = Some(Ran { images, own, all, project: Some("p".into()) });
        Before { commit: Some(commit.into()), ran, is_resumed: false }
    }

    /// What the attempt before this one left: it went from `a` to `b`.
    fn unfinished(is_over: bool) -> Unfinished {
        let mut facts = before("a", "sha256:a", "web web_1 1").facts();
        facts.insert(COMMIT.into(), "b".into());
        Unfinished { facts, is_over }
    }

    fn goes_back_to(now: Before, earlier: &Unfinished) -> (String, String) {
        let before = now.or_before(Some(earlier));
        let facts = before.facts();
        (facts[COMMIT_BEFORE].clone(), facts[IMAGES].clone())
    }

    #[test]
    fn an_attempt_that_was_cut_off_is_not_what_ran_before() {
        let old = ("a".to_owned(), "web:1 sha256:a".to_owned());
        let half = || before("b", "sha256:b", "web web_1 2");
        assert_eq!(goes_back_to(half(), &unfinished(false)), old);
        assert_eq!(goes_back_to(Before { ran: None, ..half() }, &unfinished(false)), old, "the engine is silent");
        let untouched = before("b", "sha256:a", "web web_1 1");
        assert_eq!(goes_back_to(untouched, &unfinished(true)), old, "what ran before that attempt still runs");
        let put_back = before("a", "sha256:b", "web web_1 2");
        assert_eq!(goes_back_to(put_back, &unfinished(false)), old, "only its images were not restored");
    }

    #[test]
    fn how_far_an_attempt_came_says_what_it_left() {
        let step = |argv: &str, phase| {
            let argv = argv.split(' ').map(str::to_owned).collect();
            let on = "local".to_owned();
            Step { on, argv, cwd: None, timeout_s: 9, phase, compose: false, named: false, may_fail: false }
        };
        let (git, build, up) = (
            step("git pull", Phase::Fetch),
            step("docker compose build", Phase::Fetch),
            step("docker compose up", Phase::Apply),
        );
        let ended = |reason: &str, step: &Step, commit: &str, more: &[&str]| {
            let mut facts = before("a", "sha256:a", "web web_1 1").facts();
            facts.insert(COMMIT.into(), commit.into());
            facts.extend(more.iter().map(|name| ((*name).to_owned(), String::new())));
            Unfinished::new(&Outcome { reason: Some(reason.into()), facts, ..Outcome::default() }, Some(step), false)
        };
        let pulled = || before("b", "sha256:a", "web web_1 1");
        let cut = "executor_interrupted";
        assert_eq!(goes_back_to(pulled(), &ended(cut, &git, "a", &[])).0, "a", "it was cut off after it had pulled");
        assert_eq!(goes_back_to(pulled(), &ended("fetch_failed", &git, "a", &[])).0, "b", "it had pulled nothing");
        assert_eq!(goes_back_to(pulled(), &ended(cut, &build, "b", &[])).0, "a");
        let half = || before("b", "sha256:b", "web web_1 2");
        assert_eq!(goes_back_to(half(), &ended(cut, &build, "b", &[])).0, "b", "it has changed nothing");
        assert_eq!(goes_back_to(half(), &ended(cut, &build, "b", &[RESUMES])).0, "a", "but the one before it has");
        assert_eq!(goes_back_to(half(), &ended(cut, &up, "b", &[])).0, "a");
        assert!(half().or_before(Some(&ended(cut, &up, "b", &[]))).facts().contains_key(RESUMES));
    }

    #[test]
    fn what_somebody_has_deployed_or_what_was_healthy_since_is() {
        let by_hand = before("c", "sha256:c", "web web_1 2");
        assert_eq!(goes_back_to(by_hand, &unfinished(false)), ("c".to_owned(), "web:1 sha256:c".to_owned()));
        let committed = before("c", "sha256:a", "web web_1 1");
        assert_eq!(goes_back_to(committed, &unfinished(false)).0, "c", "a commit of somebody's own is not lost");
        let half = before("b", "sha256:b", "web web_1 2");
        assert_eq!(goes_back_to(half.clone(), &unfinished(true)).0, "b");
        let first = Unfinished { facts: BTreeMap::new(), is_over: false };
        assert_eq!(half.clone().or_before(Some(&first)), half, "nothing ran before that");
    }

    #[test]
    fn only_what_came_with_a_service_of_its_own_was_added() {
        let container = |service: &str, id: &str| {
            let labels = format!("{{\"com.docker.compose.service\": \"{service}\"}}");
            let json = format!(
                "[{{\"Id\": \"{id}\", \"Name\": \"/x\", \"State\": {{\"Status\": \"running\"}}, \"Image\": \"i\", \
                 \"Config\": {{\"Image\": \"i\", \"Labels\": {labels}}}}}]"
            );
            Container::parse_all(&json).unwrap().swap_remove(0)
        };
        let ran = before("a", "sha256:a", "web web_1 1").ran.unwrap();
        let now = [container("web", "9"), container("extra", "8"), container("renamed", "3")];
        let ids: Vec<&str> = ran.added(&now).iter().map(|c| c.id.as_str()).collect();
        assert_eq!(ids, ["8"]);
        assert!(Ran::default().added(&now).is_empty(), "where it is not known what was there, nothing is");
    }
}
