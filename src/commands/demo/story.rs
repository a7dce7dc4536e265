//! What happens in the demo, chapter by chapter: all is well, three things break in three ways, they are noticed,
//! somebody decides, they are mended. Every command in it is played as the program itself runs it.

use super::agent;
use super::lab::{Lab, shell_word};
use super::page::Page;
use super::service::PAGE;
use super::tell::Teller;
use crate::commands::status;
use crate::context::Context;
use crate::fail::{Result, fail};
use crate::flow::lifecycle::State;
use crate::store::actions;

/// How the story ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Whether every service and node is well.
    pub healthy: bool,
    /// Whether the reader turned a repair down.
    pub turned_down: bool,
}

/// Tells the story; where the reader takes part, the decision is theirs.
pub fn tell(teller: &mut Teller, lab: &Lab, cx: &Context, takes_part: bool) -> Result<End> {
    let page = homelab(teller, lab, cx)?;
    well(teller, lab, cx)?;
    broken(teller, lab, cx)?;
    decided(teller, cx, &page, takes_part)?;
    mended(teller)?;
    closed(teller, lab, cx)?;
    Ok(End { healthy: status::run(cx)?.healthy, turned_down: count(cx, State::Rejected)? > 0 })
}

fn homelab(teller: &mut Teller, lab: &Lab, cx: &Context) -> Result<Page> {
    teller.chapter("A homelab of three nodes")?;
    teller.say(&format!(
        "Their services are small real processes; no Docker, no super-user, no network.\nEverything lies in {}",
        lab.path().display()
    ));
    teller.play("hlctl init")?;
    lab.write_hosts(cx)?;
    teller.say("\nhosts/NODE/services.yaml says what should run, and what mends it:");
    teller.show(&lab.entry("piha", "mosquitto"));
    teller.play("hlctl check")?;
    lab.start()?;
    teller.say("\nThe services run:");
    for node in lab.nodes() {
        let one = |s: &super::service::Service| {
            s.pid().map_or(s.name.clone(), |pid| format!("{} (process {})", s.name, pid.as_raw_nonzero()))
        };
        let services: Vec<String> = lab.services(node).iter().map(one).collect();
        teller.show(&format!("{node}: {}", services.join(", ")));
    }
    let page = Page::open(cx)?;
    teller.say("\nAll of it can be watched, and decided, in a browser while the demo lasts:");
    teller.show(&login(&page));
    Ok(page)
}

fn login(page: &Page) -> String {
    format!("{}  # log in with {}", page.address, page.token)
}

fn well(teller: &mut Teller, lab: &Lab, cx: &Context) -> Result<()> {
    teller.chapter("All is well")?;
    teller.say("An agent on each node makes the checks and writes what it finds as events.");
    teller.say("(Here all three are one machine, and the demo looks for them.) One of these events:");
    for event in agent::report(lab, cx)?.iter().filter(|event| event.contains("mosquitto")) {
        teller.show(event);
    }
    teller.say("`observe` folds them into a world, `reconcile` holds that against hosts/.");
    teller.play("hlctl observe")?;
    teller.play("hlctl reconcile")
}

fn broken(teller: &mut Teller, lab: &Lab, cx: &Context) -> Result<()> {
    teller.chapter("Three things go wrong")?;
    let killed = lab.service("piha", "mosquitto").kill()?;
    let killed = killed.ok_or_else(|| fail("mosquitto was not running", "somebody else ended it: begin again"))?;
    let page = lab.service("vps", "blog").dir.join(PAGE);
    fs_err::OpenOptions::new().write(true).open(&page)?.set_len(20)?;
    let services = lab.host_files("edge").join("services.yaml");
    let wanted = fs_err::read_to_string(&services)? + &lab.entry("edge", "camera");
    fs_err::write(&services, wanted)?;
    teller.say("On piha a process dies, on vps a file loses its end, and edge gets a new wish:");
    teller.show(&format!(
        "kill -9 {}  # mosquitto\ntruncate -s 20 {PAGE}  # of blog\nhosts/edge/services.yaml now names camera, which was never deployed",
        killed.as_raw_nonzero()
    ));
    agent::report(lab, cx)?;
    teller.play("hlctl observe")?;
    teller.play("hlctl reconcile")?;
    teller.say("\nEach drift has its reason and, in the queue, an action. Nothing was run yet.");
    Ok(())
}

fn decided(teller: &mut Teller, cx: &Context, page: &Page, takes_part: bool) -> Result<()> {
    teller.chapter("You read and decide")?;
    teller.play("hlctl plan redeploy-vps-blog")?;
    teller.say("\nThe digest stands for exactly these commands. An approval pins it: should they\nbecome others before they run, they are not run.");
    if !takes_part {
        return teller.play("hlctl approve --all");
    }
    teller.say("\nIt is your turn. Decide on the page, or in another terminal; both show you each plan:\n");
    teller.show(&login(page));
    teller.show(&format!("HLCTL_ROOT={} {} approve", shell_word(&cx.root)?, shell_word(&cx.exe)?));
    teller
        .say("\n(A no leaves it pending; `… reject ID --reason TEXT` turns it down. Ctrl-C ends the demo and removes");
    teller.say("it.) Waiting until nothing is pending …");
    teller.wait_until(|| Ok(count(cx, State::Pending)? == 0))?;
    teller.play("hlctl actions")
}

fn mended(teller: &mut Teller) -> Result<()> {
    teller.chapter("What was approved runs")?;
    teller.say("After each plan the service's own check has to find it healthy.");
    teller.play("hlctl execute")
}

fn closed(teller: &mut Teller, lab: &Lab, cx: &Context) -> Result<()> {
    teller.chapter("The loop closes")?;
    agent::report(lab, cx)?;
    teller.play("hlctl observe")?;
    teller.play("hlctl reconcile")?;
    teller.play("hlctl status")?;
    teller.say("\nWho did what stays on record, each line chained to the one before:");
    teller.play("hlctl audit --last 5")?;
    teller.play("hlctl audit verify")
}

fn count(cx: &Context, state: State) -> Result<usize> {
    Ok(actions::list(&cx.root()?, &[state])?.entries.len())
}
