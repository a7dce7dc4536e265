//! Sorting of what is shown or acted on in order. The standard library's sort is made anew for every type, 6 KB of
//! machine code each, and these lists have some hundred rows: here only their order is worked out, in one place.

use std::cmp::Ordering;

/// Sorts a list; what is equal stays in the order it had.
pub fn by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let order = order(items.len(), &|a, b| compare(&items[a], &items[b]));
    let mut taken: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| taken[at].take()));
}

/// Sorts a list by something of each item; what is equal in that stays in the order it had.
pub fn by_key<T, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    by(items, |a, b| key(a).cmp(&key(b)));
}

fn order(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_items_stay_in_their_order() {
        let mut items = vec![(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd')];
        by_key(&mut items, |(n, _)| *n);
        assert_eq!(items, [(1, 'b'), (1, 'd'), (2, 'a'), (2, 'c')]);
        by(&mut items, |a, b| b.1.cmp(&a.1));
        assert_eq!(items, [(1, 'd'), (2, 'c'), (1, 'b'), (2, 'a')]);
    }
}
