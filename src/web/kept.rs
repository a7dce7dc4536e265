//! Answers that are the same for everybody who shows nothing, kept for as long as they are true: until anything that
//! they are made of changes, and no longer than the second in which they were made, since ages are told in seconds.
//! Knows nothing of what it keeps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::message::{Body, Response};
use crate::flow::time::Stamp;
use crate::store::trace::Trace;

/// For how long nobody looks again whether something changed. Less than a program takes to start, change something
/// and end, so that who has seen it end sees the change.
const LOOKED: Duration = Duration::from_millis(2);
/// Largest body that is kept.
const MOST: usize = 512 * 1024;

/// The places for answers, one a name.
pub struct Kept {
    places: Vec<(&'static str, Place)>,
    /// How often something was changed through this very server.
    changes: AtomicU64,
}

#[derive(Default)]
struct Place {
    copy: Mutex<Option<Copy>>,
    /// Held by the one who looks or makes the answer, while the others who ask for the same wait for it.
    turn: Mutex<()>,
}

#[derive(Clone)]
struct Copy {
    response: Response,
    trace: Trace,
    /// Whether an equal trace means that nothing changed.
    settled: bool,
    second: i64,
    changes: u64,
    looked: Instant,
}

impl Kept {
    /// Makes a place for each name.
    pub fn new(names: impl Iterator<Item = &'static str>) -> Self {
        Self { places: names.map(|name| (name, Place::default())).collect(), changes: AtomicU64::default() }
    }

    fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|(n, _)| *n == name).map(|(_, place)| place)
    }

    /// Returns an answer that was true a moment ago, without waiting for anything.
    pub fn at_hand(&self, name: &str, now: Stamp) -> Option<Response> {
        let copy = self.place(name)?.copy.try_lock().ok()?;
        let copy = copy.as_ref().filter(|c| self.is_current(c, now) && c.looked.elapsed() < LOOKED)?;
        Some(copy.response.clone())
    }

    /// Returns the answer of this name: the kept one where it is still true, else a new one.
    pub fn get<E>(
        &self,
        name: &str,
        clock: impl Fn() -> Stamp,
        look: impl Fn() -> Trace,
        make: impl FnOnce() -> Result<Response, E>,
    ) -> Result<Response, E> {
        let Some(place) = self.place(name) else { return make() };
        let asked = Instant::now();
        let _turn = lock(&place.turn);
        // All of this before anything is read: what changes meanwhile is found the next time.
        let (now, looked, changes) = (clock(), Instant::now(), self.changes.load(Ordering::Acquire));
        let known = lock(&place.copy).take().filter(|c| self.is_current(c, now));
        if let Some(known) = known.as_ref().filter(|c| c.looked >= asked) {
            *lock(&place.copy) = Some(known.clone());
            return Ok(known.response.clone());
        }
        let trace = look();
        if let Some(known) = known.filter(|c| c.settled && c.trace == trace) {
            let response = known.response.clone();
            *lock(&place.copy) = Some(Copy { looked, ..known });
            return Ok(response);
        }
        let mut response = make()?;
        if response.status == 200 && response.body.bytes().len() <= MOST {
            response.body = match response.body {
                Body::Owned(bytes) => Body::Shared(Arc::new(bytes)),
                other => other,
            };
            let (settled, second) = (trace.is_settled(now), second(now));
            *lock(&place.copy) = Some(Copy { response: response.clone(), trace, settled, second, changes, looked });
        }
        Ok(response)
    }

    /// Says that something was changed through this server: what is kept is no longer believed.
    pub fn forget(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn is_current(&self, copy: &Copy, now: Stamp) -> bool {
        copy.second == second(now) && copy.changes == self.changes.load(Ordering::Acquire)
    }
}

fn second(now: Stamp) -> i64 {
    now.millis().div_euclid(1000)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::flow::time::Stamp;
    use crate::store::root::Root;

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
            std::fs::write(dir.path().join("config.yaml"), "").unwrap();
            // Far enough in the future for all traces to be settled.
            let now = Cell::new(4_000_000_000_000);
            Self { kept: Kept::new(["/a"].into_iter()), dir, now, made: Cell::new(0) }
        }

        fn ask(&self, name: &str) -> String {
            let root = Root::open(self.dir.path()).unwrap();
            let make = || {
                self.made.set(self.made.get() + 1);
                Ok::<_, ()>(Response::new(200, "text/plain", format!("{}", self.made.get())))
            };
            let look = || Trace::of(&root, &self.dir.path().join("hosts"));
            let answer = self.kept.get(name, || Stamp::from_millis(self.now.get()), look, make).unwrap();
            String::from_utf8(answer.body.bytes().to_vec()).unwrap()
        }
    }

    #[test]
    fn an_answer_is_kept_until_something_changes_or_the_second_is_over() {
        let desk = Desk::new();
        assert_eq!([desk.ask("/a"), desk.ask("/a")], ["1", "1"]);
        std::fs::write(desk.dir.path().join("config.yaml"), "settle: 1m").unwrap();
        assert_eq!([desk.ask("/a"), desk.ask("/a")], ["2", "2"]);
        desk.kept.forget();
        assert_eq!([desk.ask("/a"), desk.ask("/a")], ["3", "3"]);
        desk.now.set(desk.now.get() + 999);
        assert_eq!(desk.ask("/a"), "3");
        desk.now.set(desk.now.get() + 1);
        assert_eq!(desk.ask("/a"), "4");
        desk.now.set(desk.now.get() - 1);
        assert_eq!(desk.ask("/a"), "5", "a clock that was set back");
    }

    #[test]
    fn what_has_no_place_or_just_changed_is_made_each_time() {
        let desk = Desk::new();
        assert_eq!([desk.ask("/b"), desk.ask("/b")], ["1", "2"]);
        assert!(desk.kept.at_hand("/b", Stamp::from_millis(desk.now.get())).is_none());
        desk.now.set(0);
        assert_eq!([desk.ask("/a"), desk.ask("/a")], ["3", "4"], "the traces are younger than two seconds");
    }

    #[test]
    fn what_is_at_hand_was_looked_at_a_moment_ago() {
        let desk = Desk::new();
        let now = Stamp::from_millis(desk.now.get());
        assert!(desk.kept.at_hand("/a", now).is_none());
        // A machine under load may take longer than that moment.
        let is_at_hand = (0..1000).any(|_| {
            desk.ask("/a");
            desk.kept.at_hand("/a", now).is_some()
        });
        assert!(is_at_hand);
        std::thread::sleep(LOOKED);
        assert!(desk.kept.at_hand("/a", now).is_none());
        desk.ask("/a");
        assert!(desk.kept.at_hand("/a", now.plus_millis(1000)).is_none());
        desk.kept.forget();
        assert!(desk.kept.at_hand("/a", now).is_none());
    }

    #[test]
    fn what_is_too_large_or_no_answer_is_not_kept() {
        let desk = Desk::new();
        let root = Root::open(desk.dir.path()).unwrap();
        let look = || Trace::of(&root, desk.dir.path());
        let now = Stamp::from_millis(desk.now.get());
        for response in [Response::new(404, "text/plain", "no"), Response::new(200, "text/plain", vec![0; MOST + 1])] {
            desk.kept.get("/a", || now, look, || Ok::<_, ()>(response)).unwrap();
            assert!(lock(&desk.kept.places[0].1.copy).is_none());
        }
        desk.kept.get("/a", || now, look, || Err("broken")).unwrap_err();
        assert!(lock(&desk.kept.places[0].1.copy).is_none());
    }
}
