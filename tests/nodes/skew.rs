//! A node whose clock is ahead: its events wait, and everybody is told so, until they or the clock are right.

use crate::lab::Lab;
use crate::needs;

#[test]
fn events_of_a_clock_that_is_ahead_wait_and_everybody_is_told() {
    if !needs::program("faketime") {
        return;
    }
    let edge = "services:\n  - {name: web, runtime: command, check: {command: ['true']}}\n";
    let Some(lab) = Lab::new("agent: {unhealthy_after: 1}\n", edge) else { return };
    lab.token("edge", &["edge", "--agent"]);
    let token = lab.path("edge/token").display().to_string();
    let _serve = lab.serve();
    let pass = |offset: &str| {
        let args = ["agent", "--to", "http://vps:18180", "--token-file", &token];
        lab.ok_wrapped("edge", &["faketime", "-f", offset], &args);
        lab.ok("vps", &["observe"]);
        lab.ok("vps", &["reconcile"]);
        lab.ok("piha", &["mirror", "--from", "http://vps:18180"]);
        lab.json("vps", &["status"])
    };
    // A clock that is behind harms nothing.
    let status = pass("-2m");
    assert_eq!((&status["waiting_events"], lab.status("piha", "web").as_str()), (&0.into(), "healthy"), "{status:#}");
    lab.put("hosts/edge/services.yaml", edge.replace("'true'", "'false'"));
    let status = pass("+10m");
    assert!(status["waiting_events"].as_u64().unwrap() > 0, "{status:#}");
    let seconds = status["clock_skew"]["edge"].as_i64().unwrap();
    assert!((400..=600).contains(&seconds), "{status:#}");
    assert!(status["attention"].to_string().contains("clock is ahead"), "{status:#}");
    assert_eq!(lab.status("vps", "web"), "healthy", "nothing is believed before its time");
    let page = lab.net.ask("GET", "/", &[], "").body;
    assert!(page.contains("clock is ahead"), "{page}");
    let mirrored = lab.ok("piha", &["status"]);
    assert!(mirrored.contains("clock is ahead"), "{mirrored}\n{}", lab.read("piha", "world/summary.json"));
    // The clock is set right: what it says now counts now.
    let status = pass("+0");
    assert_eq!(lab.status("piha", "web"), "unhealthy", "{status:#}");
    assert!(status["waiting_events"].as_u64().unwrap() > 0, "what was ahead still is");
    // And in time that counts as well, once.
    lab.ok_wrapped("vps", &["faketime", "-f", "+11m"], &["observe"]);
    assert_eq!(lab.json("vps", &["status"])["waiting_events"], 0);
}
