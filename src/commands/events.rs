//! `hlctl events`: the event log, readable; with `--follow` also what is added.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result};
use crate::flow::event::{Event, Kind, Level};
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::sort;
use crate::flow::time::{DAY_MS, Stamp};
use crate::flow::world::Details;
use crate::store::events::{At, Browser, RECENT_MS};
use crate::view::Style;
use crate::view::events::Page;

/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(500);
/// How many events are shown before the ones that are followed.
const CONTEXT: usize = 10;
/// Most events that are sorted at once: more are shown in parts.
const SORTED: usize = 50_000;
/// Most that are held at once where only the newest are wanted.
const FEW: usize = 4096;

/// An event as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// When it happened.
    pub ts: Stamp,
    /// Its node, as it names itself.
    pub node: NodeName,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The status that it gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The level of a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// Its file below `events/`.
    pub file: String,
    /// Its line there, or its place in the array.
    pub line: u64,
}

impl Shown {
    fn new(at: At<'_>, event: &Event<'_>) -> Option<Self> {
        let level = match &event.kind {
            Kind::Disk(level) => Some(*level),
            _ => None,
        };
        Some(Self {
            ts: event.ts,
            node: event.node.parse().ok()?,
            kind: event.type_name.to_string(),
            service: event.service.as_deref().and_then(|s| s.parse().ok()),
            status: event.status().map(str::to_owned),
            reason: event.reason.as_deref().map(str::to_owned),
            level,
            source: event.source.as_deref().map(str::to_owned),
            details: event.details.map(Details::new),
            file: at.file.to_owned(),
            line: at.index,
        })
    }
}

/// Which events are shown.
struct Filter<'a> {
    args: &'a cli::Events,
    nodes: BTreeSet<String>,
    since: Option<Stamp>,
    until: Option<Stamp>,
}

impl Filter<'_> {
    fn fits(&self, event: &Event<'_>) -> bool {
        (self.nodes.is_empty() || self.nodes.contains(&*event.node))
            && self.args.service.as_ref().is_none_or(|s| event.service.as_deref() == Some(s.as_str()))
            && (self.args.kind.is_empty() || self.args.kind.iter().any(|kind| *kind == event.type_name))
            && self.since.is_none_or(|since| event.ts >= since)
            && self.until.is_none_or(|until| event.ts <= until)
    }
}

/// Writes the events that fit; with `--follow`, until nobody reads them.
pub fn stream(cx: &Context, args: &cli::Events, out: &mut (impl Write + AsFd)) -> Result<()> {
    let root = cx.root()?;
    let now = cx.now();
    let (since, until) = (args.since.map(|t| t.at(now)), args.until.map(|t| t.at(now)));
    let filter = Filter { args, nodes: names(cx, args), since, until };
    let mut page = Page::new(cx.output.json, Style::from(cx.output));
    let last = args.last.or(args.follow.then_some(CONTEXT).filter(|_| since.is_none()));
    let mut browser = Browser::new(&root, since);
    let mut ring = VecDeque::new();
    read(cx, &mut browser, &filter, SORTED, |batch| match last {
        Some(last) => {
            ring.extend(batch);
            ring.drain(..ring.len().saturating_sub(last));
            Ok(())
        }
        None => page.write(batch, out),
    })?;
    page.write(ring.into_iter().collect(), out)?;
    while args.follow && is_read(&out)? {
        read(cx, &mut browser, &filter, SORTED, |batch| page.write(batch, out))?;
    }
    Ok(())
}

/// Returns what changed, everywhere or on a node or in one service on it, within the last day, newest first. What
/// repeats the event before, and signs of life, are left out.
pub fn newest(cx: &Context, node: Option<&NodeName>, service: Option<&ServiceName>, most: usize) -> Result<Vec<Shown>> {
    let root = cx.root()?;
    let since = Some(cx.now().plus_millis(-DAY_MS));
    let args = cli::Events {
        select_node: node.cloned(),
        service: service.cloned(),
        kind: Vec::new(),
        since: None,
        until: None,
        last: None,
        follow: false,
    };
    let filter = Filter { args: &args, nodes: names(cx, &args), since, until: None };
    let (mut newest, mut said) = (Vec::new(), BTreeMap::new());
    read(cx, &mut Browser::new(&root, since), &filter, FEW, |batch| {
        for event in batch.into_iter().filter(|e| e.kind != "node_heartbeat") {
            let of = (event.node.clone(), event.service.clone());
            let says = (event.status.clone(), event.reason.clone(), event.level, event.kind.clone());
            if said.insert(of, says.clone()) != Some(says) {
                newest.push(event);
            }
        }
        // A day may come in several parts, file by file.
        sort::by(&mut newest, order);
        newest.drain(..newest.len().saturating_sub(most));
        Ok(())
    })?;
    newest.reverse();
    Ok(newest)
}

fn order(a: &Shown, b: &Shown) -> std::cmp::Ordering {
    (a.ts, &a.file, a.line).cmp(&(b.ts, &b.file, b.line))
}

/// Reads what is new, sorted by time within each day's folder.
fn read(
    cx: &Context,
    browser: &mut Browser<'_>,
    filter: &Filter<'_>,
    most: usize,
    show: impl FnMut(Vec<Shown>) -> io::Result<()>,
) -> Result<()> {
    let recent = cx.now().plus_millis(-RECENT_MS).day();
    let (batch, show) = (std::cell::RefCell::new(Vec::new()), std::cell::RefCell::new(show));
    let failed = std::cell::RefCell::new(Ok(()));
    let flush = || {
        let mut batch = batch.take();
        sort::by(&mut batch, order);
        if failed.borrow().is_ok() && !batch.is_empty() {
            *failed.borrow_mut() = (show.borrow_mut())(batch);
        }
    };
    let each = |at: At<'_>, event: &Event<'_>| {
        if filter.fits(event) {
            batch.borrow_mut().extend(Shown::new(at, event));
        }
        if batch.borrow().len() >= most {
            flush();
        }
    };
    let pause = || {
        flush();
        // Nobody reads what a closed pipe gets: the rest need not be gone through.
        if failed.borrow().is_err() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    };
    let read = browser.read(&recent, each, pause);
    failed.into_inner()?;
    read.advised()
}

/// Returns the names by which events call the node that was asked for.
fn names(cx: &Context, args: &cli::Events) -> BTreeSet<String> {
    let Some(node) = &args.select_node else { return BTreeSet::new() };
    // The log can be read without a desired state, too.
    let aliases = cx.desired().map(|desired| desired.aliases).unwrap_or_default();
    let of_node = aliases.into_iter().filter(|(_, name)| name == node).map(|(alias, _)| alias);
    of_node.chain([node.to_string()]).collect()
}

/// Waits a little. Returns whether the output is still read.
fn is_read(out: impl AsFd) -> io::Result<bool> {
    let pause = Timespec { tv_sec: 0, tv_nsec: POLL.subsec_nanos().into() };
    let mut fds = [PollFd::new(&out, PollFlags::empty())];
    match rustix::event::poll(&mut fds, Some(&pause)) {
        Ok(_) => Ok(!fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL)),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(e) => Err(e.into()),
    }
}
