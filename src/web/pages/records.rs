//! The queue's records that pages show: all that are open, and of those that ended the newest. The others are read one
//! after the other and never held: there may be thousands.

use crate::flow::lifecycle::State;
use crate::flow::sort;
use crate::store::actions::{self, Entry, Invalid};
use crate::web::message::Refusal;
use crate::web::routes::Call;

/// Records of the queue.
pub struct Records {
    /// The records by state, of each the newest first.
    pub entries: Vec<Entry>,
    /// How many each state has, with those that are not here.
    pub counts: Vec<(State, usize)>,
    /// What is no action.
    pub invalid: Vec<Invalid>,
}

impl Records {
    /// Reads the records that are wanted: of each state in which they end the newest, so many at the most.
    pub fn newest(call: &Call<'_>, most: usize, is_wanted: &dyn Fn(&Entry) -> bool) -> Result<Records, Refusal> {
        let mut records = Records { entries: Vec::new(), counts: Vec::new(), invalid: Vec::new() };
        for state in State::ALL {
            let (mut newest, mut count) = (Newest(Vec::new()), 0);
            let most = if state.is_ended() { most } else { usize::MAX / 2 };
            let read = actions::each(&call.app.root, &[state], &mut |read| match read {
                Ok(entry) if is_wanted(&entry) => {
                    newest.add(entry, most);
                    count += 1;
                }
                Ok(_) => {}
                Err(one) => records.invalid.push(one),
            });
            read.map_err(|e| Refusal::new(503, e.to_string()))?;
            records.entries.extend(newest.cut(most));
            records.counts.push((state, count));
        }
        Ok(records)
    }
}

/// The newest of the records that it was given.
struct Newest(Vec<Entry>);

impl Newest {
    fn add(&mut self, entry: Entry, most: usize) {
        self.0.push(entry);
        if self.0.len() >= 2 * most {
            self.0 = Newest(std::mem::take(&mut self.0)).cut(most);
        }
    }

    fn cut(mut self, most: usize) -> Vec<Entry> {
        sort::by_key(&mut self.0, |e| std::cmp::Reverse((e.since(), e.action.id.clone())));
        self.0.truncate(most);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::action::Action;
    use crate::flow::lifecycle;

    #[test]
    fn of_many_that_ended_the_newest_are_kept_whatever_their_order() {
        let mut newest = Newest(Vec::new());
        let order = (0..60).map(|n| (n * 7) % 60);
        for n in order {
            let id = format!("redeploy-piha-s{n}").parse().unwrap();
            let text = format!(
                r#"{{"type":"redeploy","node":"piha","service":"s{n}","history":[{{"at":"2026-11-23T07:{n:02}:00Z","to":"completed","by":"execute","via":"execute","note":null}}]}}"#
            );
            let action = Action::parse(&id, text.as_bytes()).unwrap();
            let standing = lifecycle::standing(State::Completed, &action.history);
            let bytes = text.into_bytes();
            newest.add(Entry { state: State::Completed, action, standing, owner: "root".into(), bytes }, 10);
            assert!(newest.0.len() < 20, "no more are held");
        }
        let kept: Vec<String> = newest.cut(10).iter().map(|e| e.action.id.to_string()).collect();
        assert_eq!(kept, (50..60).rev().map(|n| format!("redeploy-piha-s{n}")).collect::<Vec<_>>());
    }
}
