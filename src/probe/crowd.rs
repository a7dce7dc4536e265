//! Many looks side by side: one that takes its time holds up no other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::flow::sort;

/// Most looks at a time.
const WIDTH: usize = 32;

/// Does something with each item, many at a time; the results are in the order of the items.
pub fn each<T: Sync, R: Send>(items: &[T], look: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = look(item);
            found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..items.len().min(WIDTH) {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    sort::by_key(&mut found, |(index, _)| *index);
    found.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, mpsc};

    use super::*;

    #[test]
    fn all_are_done_side_by_side_and_in_order() {
        // None of these gets past the barrier alone.
        let barrier = Barrier::new(WIDTH);
        let items: Vec<usize> = (0..WIDTH).collect();
        let doubled = each(&items, |i| {
            barrier.wait();
            i * 2
        });
        assert_eq!(doubled, items.iter().map(|i| i * 2).collect::<Vec<_>>());
        assert!(each(&[0; 0], |_: &usize| ()).is_empty());
    }

    #[test]
    fn one_that_hangs_holds_up_no_other() {
        let (free, wait) = mpsc::channel::<()>();
        let (wait, free) = (Mutex::new(wait), Mutex::new(Some(free)));
        let items: Vec<usize> = (0..100).collect();
        let found = each(&items, |i| match i {
            0 => wait.lock().unwrap().recv().is_err(),
            // Only the last one lets the first one go.
            99 => free.lock().unwrap().take().is_some(),
            _ => true,
        });
        assert!(found.len() == 100 && found.iter().all(|ok| *ok));
    }
}
