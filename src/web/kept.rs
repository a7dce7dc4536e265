//! Answers that are the same for everybody who shows nothing, kept for as long as they are true: until anything is
//! heard to have changed, and no longer than the second in which they were made, since ages are told in seconds.
//! Knows nothing of what it keeps.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock;
use super::message::{Body, Response};
use crate::flow::time::Stamp;
use crate::store::root::Root;
use crate::store::watch::Watch;

/// Largest body that is kept.
const MOST: usize = 512 * 1024;
/// How long one waits for an answer that another makes, before one makes it oneself.
const PATIENCE: Duration = Duration::from_millis(250);

/// The places for answers, one a name.
pub struct Kept {
    places: Vec<(&'static str, Place)>,
    root: Root,
    hosts: PathBuf,
    ears: Mutex<Ears>,
}

#[derive(Default)]
struct Place {
    copy: Mutex<Option<Copy>>,
    /// Of the one who makes the answer, while the others who ask for the same wait for it.
    turn: Turn,
}

/// A turn that one at a time has. The others wait for it, but not for somebody who is slow: each who waits takes a thread
/// away from those who ask for something else.
#[derive(Default)]
struct Turn {
    holder: Mutex<Holder>,
    over: Condvar,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Holder {
    #[default]
    Nobody,
    Somebody,
    /// Somebody for whom others have waited in vain.
    Slow,
}

/// A turn that ends with it.
struct Held<'a>(&'a Turn);

impl Turn {
    /// Takes the turn; nothing where whoever has it is slow.
    fn take(&self) -> Option<Held<'_>> {
        let waits = |holder: &mut Holder| *holder == Holder::Somebody;
        let waited = self.over.wait_timeout_while(lock(&self.holder), PATIENCE, waits);
        let (mut holder, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_free = *holder == Holder::Nobody;
        *holder = if is_free { Holder::Somebody } else { Holder::Slow };
        if !is_free {
            self.over.notify_all();
        }
        is_free.then(|| Held(self))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *lock(&self.0.holder) = Holder::Nobody;
        self.0.over.notify_one();
    }
}

struct Copy {
    response: Response,
    second: i64,
    changes: u64,
}

/// Who hears of changes, and how often there were any.
struct Ears {
    /// Nothing where the kernel has no ears to give: then nothing is kept.
    watch: Option<Watch>,
    changes: u64,
}

impl Ears {
    fn changes(&mut self) -> u64 {
        self.changes += u64::from(self.watch.as_ref().is_some_and(Watch::heard));
        self.changes
    }
}

impl Kept {
    /// Makes a place for each name.
    pub fn new(root: &Root, hosts: PathBuf, names: impl Iterator<Item = &'static str>) -> Self {
        let ears = Ears { watch: Watch::new().ok(), changes: 0 };
        let places = names.map(|name| (name, Place::default())).collect();
        Self { places, root: root.clone(), hosts, ears: Mutex::new(ears) }
    }

    fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|(n, _)| *n == name).map(|(_, place)| place)
    }

    /// Returns the kept answer where it is still true, without waiting for anything.
    pub fn at_hand(&self, name: &str, now: Stamp) -> Option<Response> {
        let copy = self.place(name)?.copy.try_lock().ok()?;
        let changes = self.ears.try_lock().ok()?.changes();
        copy.as_ref().filter(|c| (c.second, c.changes) == (second(now), changes)).map(|c| c.response.clone())
    }

    /// Returns the answer of this name: the kept one where it is still true, else a new one.
    pub fn get<E>(
        &self,
        name: &str,
        clock: impl Fn() -> Stamp,
        make: impl FnOnce() -> Result<Response, E>,
    ) -> Result<Response, E> {
        let Some(place) = self.place(name) else { return make() };
        let _turn = place.turn.take();
        if let Some(response) = self.at_hand(name, clock()) {
            return Ok(response);
        }
        // All of this before anything is read: what changes meanwhile is heard the next time.
        let second = second(clock());
        let changes = {
            let mut ears = lock(&self.ears);
            let all = ears.watch.as_ref().is_some_and(|watch| watch.listen(&self.root, &self.hosts));
            let changes = ears.changes();
            all.then_some(changes)
        };
        let mut response = make()?;
        let fits = response.status == 200 && response.body.bytes().len() <= MOST;
        if fits && let Some(changes) = changes {
            response.body = match response.body {
                Body::Owned(bytes) => Body::Shared(Arc::new(bytes)),
                other => other,
            };
            *lock(&place.copy) = Some(Copy { response: response.clone(), second, changes });
        }
        Ok(response)
    }

    /// Says that something was changed through this server: what is kept is no longer believed.
    pub fn forget(&self) {
        lock(&self.ears).changes += 1;
    }
}

fn second(now: Stamp) -> i64 {
    now.millis().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What an answer is made of here: a folder, a clock and a count of how often one was made.
    struct Desk {
        kept: Kept,
        dir: tempfile::TempDir,
        now: Cell<i64>,
        made: Cell<u32>,
    }

    impl Desk {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = Root::open(dir.path()).unwrap();
            let kept = Kept::new(&root, dir.path().join("hosts"), ["/a"].into_iter());
            Self { kept, dir, now: Cell::new(4_000_000_000_000), made: Cell::new(0) }
        }

        fn now(&self) -> Stamp {
            Stamp::from_millis(self.now.get())
        }

        fn ask(&self, name: &str) -> String {
            let make = || {
                self.made.set(self.made.get() + 1);
                Ok::<_, ()>(Response::new(200, "text/plain", format!("{}", self.made.get())))
            };
            let answer = self.kept.get(name, || self.now(), make).unwrap();
            String::from_utf8(answer.body.bytes().to_vec()).unwrap()
        }
    }

    #[test]
    fn an_answer_is_kept_until_something_changes_or_the_second_is_over() {
        let desk = Desk::new();
        assert!(desk.kept.at_hand("/a", desk.now()).is_none());
        assert_eq!([desk.ask("/a"), desk.ask("/a")], ["1", "1"]);
        assert!(desk.kept.at_hand("/a", desk.now()).is_some());
        std::fs::write(desk.dir.path().join("config.yaml"), "settle: 1m").unwrap();
        assert!(desk.kept.at_hand("/a", desk.now()).is_none());
        assert_eq!([desk.ask("/a"), desk.ask("/a")], ["2", "2"]);
        desk.kept.forget();
        assert!(desk.kept.at_hand("/a", desk.now()).is_none());
        assert_eq!([desk.ask("/a"), desk.ask("/a")], ["3", "3"]);
        desk.now.set(desk.now.get() + 999);
        assert_eq!(desk.ask("/a"), "3");
        desk.now.set(desk.now.get() + 1);
        assert!(desk.kept.at_hand("/a", desk.now()).is_none());
        assert_eq!(desk.ask("/a"), "4");
        desk.now.set(desk.now.get() - 1);
        assert_eq!(desk.ask("/a"), "5", "a clock that was set back");
    }

    #[test]
    fn what_changes_while_the_answer_is_made_is_heard_afterwards() {
        let desk = Desk::new();
        let make = || {
            std::fs::write(desk.dir.path().join("config.yaml"), "settle: 1m").unwrap();
            Ok::<_, ()>(Response::new(200, "text/plain", "old"))
        };
        desk.kept.get("/a", || desk.now(), make).unwrap();
        assert_eq!([desk.ask("/a"), desk.ask("/a")], ["1", "1"]);
    }

    #[test]
    fn what_has_no_place_is_too_large_or_no_answer_is_not_kept() {
        let desk = Desk::new();
        assert_eq!([desk.ask("/b"), desk.ask("/b")], ["1", "2"]);
        for response in [Response::new(404, "text/plain", "no"), Response::new(200, "text/plain", vec![0; MOST + 1])] {
            desk.kept.get("/a", || desk.now(), || Ok::<_, ()>(response)).unwrap();
            assert!(desk.kept.at_hand("/a", desk.now()).is_none());
        }
        desk.kept.get("/a", || desk.now(), || Err("broken")).unwrap_err();
        assert!(desk.kept.at_hand("/a", desk.now()).is_none());
    }

    #[test]
    fn nobody_waits_for_long_for_who_is_slow() {
        let turn = Turn::default();
        let slow = turn.take().unwrap();
        assert!(turn.take().is_none(), "waited in vain");
        assert_eq!(*lock(&turn.holder), Holder::Slow, "and nobody else waits");
        assert!(turn.take().is_none());
        drop(slow);
        std::thread::scope(|scope| {
            let quick = turn.take().unwrap();
            let other = scope.spawn(|| turn.take().is_some());
            drop(quick);
            assert!(other.join().unwrap(), "waits for who is quick");
        });
    }
}
