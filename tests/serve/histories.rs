//! The pasts of services, which take the longest of all pages to read: whoever asks for many of them holds up nobody.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::gallery::now;
use crate::server::Server;
use crate::support::Home;

const DAY: i64 = 24 * 3_600_000;
const SERVICES: usize = 24;

/// Returns a root whose older days of the week hold as much as is read of them for a page.
fn busy() -> Home {
    let home = Home::new();
    let services: String = (0..SERVICES).map(|n| format!("  - s{n}\n")).collect();
    home.put("hosts/piha/services.yaml", format!("services:\n{services}"));
    let day = |ago: i64, lines: usize| {
        let at = now().plus_millis(-ago);
        let event = |n: usize| {
            let status = if n.is_multiple_of(5) { "service_unhealthy" } else { "service_healthy" };
            let details = "-".repeat(400);
            format!(
                "{{\"ts\":\"{at}\",\"node\":\"piha\",\"type\":\"{status}\",\"service\":\"s{}\",\"details\":{{\"x\":\"{details}\"}}}}\n",
                n % SERVICES
            )
        };
        home.put(&format!("events/{}/a.jsonl", at.day()), (0..lines).map(event).collect::<String>());
    };
    (3..7).for_each(|back| day(back * DAY, 30_000));
    day(60_000, SERVICES);
    assert_eq!(home.run(&["observe", "--full"]).code, 0);
    home
}

#[test]
fn whoever_asks_for_the_pasts_of_many_services_holds_up_nobody() {
    let server = Server::of(busy(), &[]);
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let bystander = server.bystander();
    let memory = std::thread::scope(|scope| {
        for from in 0..8 {
            let (server, done, answered) = (&server, &done, &answered);
            scope.spawn(move || {
                for n in (from..).take_while(|_| !done.load(Ordering::Relaxed)) {
                    let page = server.get(&format!("/services/piha/s{}", n % SERVICES));
                    assert_eq!(page.status, 200, "{page:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_secs(8));
        done.store(true, Ordering::Relaxed);
        server.peak_memory()
    });
    // It is 0.2 s; with one reading at a time, for which all others wait, it was 4.6 s and more.
    let worst = bystander.waited();
    assert!(worst < Duration::from_secs(3), "{worst:?}");
    eprintln!("{} pages of pasts, {memory} KiB at the most", answered.load(Ordering::Relaxed));
    // Afterwards there is time for each.
    let page = server.get("/services/piha/s3").body;
    assert!(page.contains(" of the last week") && !page.contains("being read"), "{page}");
}
