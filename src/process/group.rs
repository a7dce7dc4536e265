//! Process groups: who is in one, whether it is still the one that was recorded, and its end. Reads `/proc`.

use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

/// A step's process group, as `running/ID.json` records it before the step runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Number of the step, from 1.
    pub step: usize,
    /// The group's ID: its leader's process ID, and its session's.
    pub pgid: i32,
    /// When the leader began, in the kernel's ticks since it was booted.
    pub started_at: u64,
    /// Which boot of the machine that was.
    pub boot: String,
}

/// What became of a group that was to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// Nothing was left of it, or its number belongs to another one now.
    Gone,
    /// It ended after SIGTERM.
    Ended,
    /// It took a SIGKILL.
    Killed,
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    state: u8,
    group: i32,
    session: i32,
    started_at: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Stat> {
        Stat::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads the fields behind the program's name, which may itself hold spaces and parentheses.
    fn parse(text: &str) -> Option<Stat> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        Some(Stat {
            state: *fields.first()?.as_bytes().first()?,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            started_at: fields.get(19)?.parse().ok()?,
        })
    }

    /// A zombie has ended, even where nobody collects it.
    fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }
}

impl Group {
    /// Returns the identity of a group by its leader, which is still alive and leads its session.
    pub fn of(leader: Pid, step: usize) -> io::Result<Group> {
        let pgid = leader.as_raw_nonzero().get();
        let stat = Stat::read(pgid).filter(|s| s.group == pgid && s.session == pgid).ok_or(io::ErrorKind::NotFound)?;
        Ok(Group { step, pgid, started_at: stat.started_at, boot: boot()? })
    }

    /// Ends what is left of the group: SIGTERM, and SIGKILL when it is still there `grace` later.
    pub fn reap(&self, grace: Duration) -> io::Result<Reaped> {
        let Some(pid) = Pid::from_raw(self.pgid).filter(|_| self.pgid > 1) else { return Ok(Reaped::Gone) };
        if !self.is_same()? || !is_alive(pid) {
            return Ok(Reaped::Gone);
        }
        permitted(kill_process_group(pid, Signal::TERM))?;
        let _ = kill_process_group(pid, Signal::CONT);
        if is_over(pid, grace) {
            return Ok(Reaped::Ended);
        }
        permitted(kill_process_group(pid, Signal::KILL))?;
        is_over(pid, Duration::from_secs(2));
        Ok(Reaped::Killed)
    }

    /// Returns whether the number still means this group. While any of its members lives the kernel gives the number
    /// to nobody else, so a leader that began at another time means that all of them are gone.
    fn is_same(&self) -> io::Result<bool> {
        if boot()? != self.boot {
            return Ok(false);
        }
        let in_its_session = |s: &Stat| s.session == self.pgid;
        Ok(match Stat::read(self.pgid) {
            Some(leader) => leader.started_at == self.started_at && in_its_session(&leader),
            None => members(self.pgid).all(|s| in_its_session(&s)),
        })
    }
}

/// Returns whether a group has a member that has not ended.
pub fn is_alive(group: Pid) -> bool {
    members(group.as_raw_nonzero().get()).next().is_some()
}

fn members(group: i32) -> impl Iterator<Item = Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter_map(Stat::read).filter(move |s| s.group == group && s.is_alive())
}

/// Signals a whole group; one that is gone needs none. A stopped member has to go on to notice.
pub fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
    let _ = kill_process_group(group, Signal::CONT);
}

fn is_over(group: Pid, within: Duration) -> bool {
    let end = Instant::now() + within;
    while is_alive(group) {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

fn permitted(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Returns the kernel's name for this boot: process IDs and ticks mean nothing in another one.
fn boot() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_cannot_forge_the_fields_behind_it() {
        let stat = Stat::parse("42 (a) R 1 1 (b) S 1 40 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987 1 2").unwrap();
        assert_eq!(stat, Stat { state: b'S', group: 40, session: 41, started_at: 987 });
        assert!(Stat::parse("42 (a").is_none());
    }

    #[test]
    fn this_process_s_group_is_alive_and_only_a_session_s_leader_is_recorded() {
        let own = rustix::process::getpgrp();
        assert!(is_alive(own));
        let stat = Stat::read(std::process::id() as i32).unwrap();
        assert_eq!(stat.group, own.as_raw_nonzero().get());
    }

    #[test]
    fn a_number_that_means_another_group_is_left_alone() {
        let own = rustix::process::getpgrp().as_raw_nonzero().get();
        let group = Group { step: 1, pgid: own, started_at: 1, boot: boot().unwrap() };
        assert_eq!(group.reap(Duration::ZERO).unwrap(), Reaped::Gone);
        let earlier = Group { boot: "another".into(), ..group.clone() };
        assert_eq!(earlier.reap(Duration::ZERO).unwrap(), Reaped::Gone);
        assert_eq!(Group { pgid: 0, ..group }.reap(Duration::ZERO).unwrap(), Reaped::Gone);
    }
}
