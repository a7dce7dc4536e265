//! One event a file, on one thread: a full replay beside what one would write first, `walkdir`, sorted, with
//! `serde_json::from_slice` and a map; into a type that knows the fields, and into a `Value`. And the replay of a pass, which
//! also asks for each file's identity, by which the next pass knows it again.
//!
//! `cargo bench --bench one_a_file -- DIR [FILES [ROUNDS]]` makes `DIR/events/` where it is missing. The results must be
//! equal before a time counts.
#![expect(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "it is run by hand")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use color_eyre::eyre::{Result, ensure, eyre};
use fastrand::Rng;
use hlctl::flow::fold::Fold;
use hlctl::flow::time::Stamp;
use hlctl::flow::world::ServiceRow;
use hlctl::store::events::{self, Meter};
use hlctl::store::root::Root;
use hlctl::store::world::WorldFiles;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

const DAYS: u64 = 20;
const DAY_MS: i64 = 86_400_000;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [dir, numbers @ ..] = args.as_slice() else {
        eprintln!("usage: cargo bench --bench one_a_file -- DIR [FILES [ROUNDS]]");
        return Ok(());
    };
    let number = |at: usize, default: u64| numbers.get(at).map_or(Ok(default), |n: &String| n.replace('_', "").parse());
    let (files, rounds) = (number(0, 100_000)?, number(1, 5)?);
    let dir = Path::new(dir);
    if !dir.join("events").exists() {
        generate(dir, files)?;
    }
    // Both on the same processor, of which the reader then sees no second one.
    let mut one = rustix::thread::CpuSet::new();
    one.set(rustix::thread::sched_getcpu());
    rustix::thread::sched_setaffinity(None, &one)?;
    let root = Root::open(dir)?;
    let now = Stamp::from_millis(chrono::Utc::now().timestamp_millis());
    let events = dir.join("events");
    let fold = events::fold(&root, now, &Meter::default())?;
    let (world, hashes) = (rows(&fold), WorldFiles::new(&fold.services(), &fold.nodes()).hashes());
    let readers: [(&str, &dyn Fn() -> Result<World>); 4] = [
        ("hlctl", &|| Ok(rows(&events::fold(&root, now, &Meter::default())?))),
        ("hlctl, knowing each file again", &|| {
            let reading = events::read(&root, now, true, &Meter::default())?;
            ensure!(reading.world().map(WorldFiles::hashes) == Some(hashes), "another world");
            Ok(world.clone())
        }),
        ("walkdir, serde_json into a type", &|| by_walkdir(&events, |bytes| serde_json::from_slice(bytes).ok())),
        ("walkdir, serde_json into a Value", &|| {
            by_walkdir(&events, |bytes| {
                let mut value: Value = serde_json::from_slice(bytes).ok()?;
                // No raw text can be taken out of a value, and nobody looks at it.
                value.as_object_mut()?.remove("details");
                serde_json::from_value(value).ok()
            })
        }),
    ];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        let mut first = None;
        for ((name, read), times) in readers.iter().zip(&mut times) {
            let (took, world) = timed(read)?;
            times.push(took.as_secs_f64());
            ensure!(
                !world.is_empty() && *first.get_or_insert_with(|| world.clone()) == world,
                "{name}: another result"
            );
        }
    }
    println!("{files} files, one thread, medians of {rounds} rounds, equal results");
    let medians = times.map(median);
    for ((name, _), median) in readers.iter().zip(medians) {
        println!("{name:34} {median:.3} s  {:.2} of hlctl", median / medians[0]);
    }
    Ok(())
}

fn timed<T>(run: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let began = Instant::now();
    let result = run()?;
    Ok((began.elapsed(), result))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Status and reason of each service.
type World = BTreeMap<(String, String), (String, Option<String>)>;

fn rows(fold: &Fold) -> World {
    let row = |row: ServiceRow| ((row.node.to_string(), row.service.to_string()), (row.status, row.reason));
    fold.services().services.into_iter().map(row).collect()
}

#[derive(Deserialize)]
struct Event {
    ts: Time,
    node: String,
    #[serde(rename = "type")]
    kind: String,
    service: Option<String>,
    status: Option<String>,
    reason: Option<String>,
    #[serde(rename = "details")]
    _details: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Text(String),
    Number(f64),
}

fn by_walkdir(events: &Path, parse: impl Fn(&[u8]) -> Option<Event>) -> Result<World> {
    let mut newest: BTreeMap<(String, String), ((i64, PathBuf), Event)> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(events).sort_by_file_name() {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let Some(event) = parse(&fs::read(entry.path())?) else { continue };
        if !matches!(&*event.kind, "service_healthy" | "service_unhealthy" | "service_status" | "service_removed") {
            continue;
        }
        let ms = match &event.ts {
            Time::Text(text) => chrono::DateTime::parse_from_rfc3339(text)?.timestamp_millis(),
            Time::Number(seconds) => (seconds * 1000.0).round() as i64,
        };
        let service = event.service.clone().ok_or_else(|| eyre!("{} names no service", entry.path().display()))?;
        let (key, at) = ((event.node.clone(), service), (ms, entry.into_path()));
        match newest.get_mut(&key) {
            Some(old) if old.0 > at => {}
            Some(old) => *old = (at, event),
            None => drop(newest.insert(key, (at, event))),
        }
    }
    let row = |event: Event| match &*event.kind {
        "service_healthy" => Some(("healthy".to_owned(), None)),
        "service_unhealthy" => Some(("unhealthy".to_owned(), event.reason)),
        "service_status" => Some((event.status.unwrap_or_default(), event.reason)),
        _ => None,
    };
    Ok(newest.into_iter().filter_map(|(key, (_, event))| Some((key, row(event)?))).collect())
}

fn generate(dir: &Path, files: u64) -> Result<()> {
    let mut rng = Rng::with_seed(1);
    let first = chrono::Utc::now().timestamp_millis() / DAY_MS * DAY_MS - DAYS as i64 * DAY_MS;
    for file in 0..files {
        let at = first + (DAYS as i64 * DAY_MS) * file as i64 / files as i64;
        let (ts, node, service) = (Stamp::from_millis(at), rng.u8(0..50), rng.u8(0..20));
        let day = dir.join("events").join(ts.day());
        fs::create_dir_all(&day)?;
        let kind = match rng.u8(0..10) {
            0..7 => r#""service_healthy""#,
            7 | 8 => r#""service_unhealthy","reason":"containers_not_running""#,
            _ => r#""service_removed""#,
        };
        let details = "x".repeat(rng.usize(50..300));
        let text = format!(
            r#"{{"ts":"{ts}","node":"node-{node:02}","type":{kind},"service":"svc-{service:02}","details":{{"log":"{details}"}}}}"#
        );
        fs::write(day.join(format!("{at}-{file:06}.json")), text)?;
    }
    Ok(())
}
