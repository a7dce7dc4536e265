//! Writes a realistic event log: seeded, so that the same arguments give the same bytes on the same day.
//!
//! `cargo bench --bench generate -- DIR EVENTS DAYS [SEED]` fills `DIR/events/`; the last of the days is yesterday.
#![expect(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "it is run by hand")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use fastrand::Rng;
use hlctl::flow::time::Stamp;

const NODES: u64 = 50;
const SERVICES: u64 = 1000;
/// Several nodes share a file, as they do behind one broker.
const SOURCES: u64 = 20;
const DAY_MS: i64 = 86_400_000;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [dir, events, days, seed @ ..] = args.as_slice() else {
        eprintln!("usage: cargo bench --bench generate -- DIR EVENTS DAYS [SEED]");
        return Ok(());
    };
    let number = |text: &str| text.replace('_', "").parse::<u64>().map_err(io::Error::other);
    let (events, days) = (number(events)?, number(days)?.max(1));
    let seed = seed.first().map_or(Ok(1), |s| number(s))?;
    let bytes = generate(Path::new(dir), events, days, seed)?;
    println!("{events} events, {} MB, {} files", bytes / 1_000_000, days * SOURCES);
    Ok(())
}

fn generate(dir: &Path, events: u64, days: u64, seed: u64) -> io::Result<u64> {
    let mut rng = Rng::with_seed(seed);
    let today = chrono::Utc::now().timestamp_millis();
    let first = today / DAY_MS * DAY_MS - days as i64 * DAY_MS;
    let (files, mut bytes) = (days * SOURCES, 0);
    for file in 0..files {
        let start = first + (file / SOURCES) as i64 * DAY_MS;
        let day = dir.join("events").join(Stamp::from_millis(start).day());
        fs::create_dir_all(&day)?;
        let source = file % SOURCES;
        let mut out = BufWriter::new(File::create(day.join(format!("source-{source:02}.jsonl")))?);
        let count = events / files + u64::from(file < events % files);
        for i in 0..count {
            // Each event up to ten minutes late: the lines are not in the order of their times.
            let at = start + (DAY_MS - 600_000) * i as i64 / count.max(1) as i64 + rng.i64(0..600_000);
            let line = line(&mut rng, source, at);
            bytes += line.len() as u64 + 1;
            writeln!(out, "{line}")?;
        }
        out.flush()?;
    }
    Ok(bytes)
}

fn line(rng: &mut Rng, source: u64, at: i64) -> String {
    let node = (rng.u64(0..NODES) * SOURCES + source) % NODES;
    let service = rng.u64(0..SERVICES / NODES);
    let ts = Stamp::from_millis(at);
    if rng.u32(0..1000) == 0 {
        return format!(r#"{{"ts":"{ts}","node":"node-{node:02}","type":"service_hea"#);
    }
    let head = match rng.u8(0..4) {
        0 => format!(r#"{{"ts":{}.{:03},"node":"node-{node:02}""#, at / 1000, at % 1000),
        _ => format!(r#"{{"ts":"{ts}","node":"node-{node:02}""#),
    };
    let details = details(rng);
    match rng.u8(0..100) {
        0..20 => format!(r#"{head},"type":"node_heartbeat","details":{details}}}"#),
        20..88 => format!(r#"{head},"type":"service_healthy","service":"svc-{service:02}","details":{details}}}"#),
        88..96 => {
            let reason = rng.choice(["containers_not_running", "mqtt_unreachable", "check_failed"]).unwrap_or_default();
            format!(
                r#"{head},"type":"service_unhealthy","service":"svc-{service:02}","reason":"{reason}","details":{details}}}"#
            )
        }
        96 => format!(
            r#"{head},"type":"service_status","service":"svc-{service:02}","status":"starting","details":{details}}}"#
        ),
        97 => format!(r#"{head},"type":"service_removed","service":"svc-{service:02}"}}"#),
        98 => format!(
            r#"{head},"type":"disk_pressure","level":"{}","details":{{"used_percent":{},"mount":"/"}}}}"#,
            if rng.bool() { "high" } else { "normal" },
            rng.u32(60..99)
        ),
        _ => format!(r#"{head},"type":"backup_done","source":"cron","details":{details}}}"#),
    }
}

/// Returns details of 100 to 400 bytes, as container engines give them.
fn details(rng: &mut Rng) -> String {
    let mut out = format!(
        r#"{{"agent":"0.1.0","uptime_s":{},"load":[{}.{},0.5,0.25],"message":"state is \"running\"","containers":["#,
        rng.u32(..),
        rng.u8(0..8),
        rng.u8(..)
    );
    for i in 0..rng.u8(0..5) {
        if i > 0 {
            out.push(',');
        }
        out += &format!(r#"{{"id":"{:012x}","state":"running","restarts":{}}}"#, rng.u64(..) >> 16, rng.u8(..));
    }
    out + "]}"
}
