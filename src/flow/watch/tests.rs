//! Passes as tables: what is seen, minute after minute, and what is told of it.

use super::super::health::{CHECK_FAILED, MQTT_UNREACHABLE};
use super::super::sighting::NOT_RUNNING;
use super::*;

const NOON: Stamp = Stamp::from_millis(1_795_435_200_000);

fn limits() -> Limits {
    let minutes = |m: u64| Duration::from_secs(60 * m);
    Limits { refresh: minutes(5), silent_after: minutes(15), unhealthy_after: 2, disk_high: 90 }
}

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

/// A letter stands for what a look at `web` finds.
fn sighting(letter: char) -> Sighting {
    let detail = || "d".to_owned();
    let unhealthy = |reason| Sighting::Unhealthy { reason, detail: detail() };
    match letter {
        'h' => Sighting::Healthy,
        'c' => unhealthy(CHECK_FAILED),
        'm' => unhealthy(MQTT_UNREACHABLE),
        'n' => unhealthy(NOT_RUNNING),
        'a' => Sighting::Absent { detail: detail() },
        's' => Sighting::Undecided { detail: detail() },
        '?' => Sighting::Unknown { detail: detail() },
        other => panic!("{other} stands for nothing"),
    }
}

fn seen(letter: char) -> Seen {
    Seen { services: Some([(name("web"), sighting(letter))].into()), ..Seen::default() }
}

/// An event in a letter or two; a heartbeat is `+`.
fn short(event: &Outgoing) -> String {
    match (event.kind, event.reason.as_deref()) {
        (Kind::Healthy, None) => "h".into(),
        (Kind::Unhealthy, Some(NOT_RUNNING)) => "n".into(),
        (Kind::Unhealthy, Some(reason)) => reason.chars().take(1).collect(),
        (Kind::Removed, None) => "a".into(),
        (Kind::Status, None) => event.status.unwrap().chars().take(1).collect(),
        (Kind::Disk, None) => format!("{:?}", event.level.unwrap()).to_lowercase(),
        (Kind::Heartbeat, None) => "+".into(),
        other => panic!("{other:?}"),
    }
}

/// Goes through passes and returns what each of them tells, a word a pass; `-` is nothing.
fn told(passes: impl IntoIterator<Item = (i64, Seen)>, limits: &Limits) -> String {
    let mut memory = Memory::none(&"piha".parse().unwrap(), None);
    let mut words = Vec::new();
    for (second, seen) in passes {
        let verdict = decide(&memory, &seen, serde_json::Map::new(), limits, NOON.plus_millis(second * 1000));
        // What is kept is read again by the next pass.
        memory = serde_json::from_slice(&serde_json::to_vec(&verdict.memory).unwrap()).unwrap();
        let word: String = verdict.events.iter().map(short).collect();
        words.push(if word.is_empty() { "-".into() } else { word });
    }
    words.join(" ")
}

/// A pass a minute, each seeing what its letter says.
fn minutely(letters: &str) -> String {
    told(letters.chars().zip(0..).map(|(letter, minute)| (minute * 60, seen(letter))), &limits())
}

#[test]
fn only_changes_are_told_and_everything_again_every_refresh() {
    assert_eq!(minutely("hhhhhhhhhhh"), "h+ - - - - h+ - - - - h+");
    assert_eq!(minutely("hhccccchh"), "h+ - - c - c+ - h -");
    assert_eq!(minutely("nnnnnn"), "+ n - - - n+", "what is unhealthy is told again, too");
    assert_eq!(minutely("haaaaa"), "h+ - a - - a+", "so is what is gone");
}

#[test]
fn a_service_fails_twice_in_a_row_before_that_is_told() {
    assert_eq!(minutely("hchc"), "h+ - - -", "flapping from pass to pass");
    assert_eq!(minutely("hcn"), "h+ - n", "two failures of any kind, told as the last one");
    assert_eq!(minutely("c"), "+");
    assert_eq!(minutely("cc"), "+ c");
    assert_eq!(minutely("aa"), "+ a", "without a memory it is not known what the world holds");
    assert_eq!(minutely("cch"), "+ c h", "health is told at once");
}

#[test]
fn another_reason_is_told_once_it_lasts() {
    assert_eq!(minutely("ccncnn"), "+ c - - - n+");
    assert_eq!(minutely("ccmm"), "+ c - m");
    assert_eq!(minutely("ccaa"), "+ c - a");
    assert_eq!(minutely("aacc"), "+ a - c");
}

#[test]
fn what_is_not_known_is_neither_told_nor_forgotten() {
    assert_eq!(minutely("h?????h"), "h+ - - - - + -", "the refresh tells nothing that nobody saw");
    assert_eq!(minutely("hc?c"), "h+ - - c", "two failures in a row, of those that were seen");
    assert_eq!(minutely("hsssh"), "h+ - - - -", "starting is no failure");
    assert_eq!(minutely("ccs?h"), "+ c - - h");
    assert_eq!(minutely("ssh"), "+ - h");
}

#[test]
fn what_does_not_get_beyond_starting_is_told_after_five_minutes() {
    assert_eq!(minutely("hsssssssssss"), "h+ - - - - + s - - - s+ -", "and again with everything");
    assert_eq!(minutely("hssssh"), "h+ - - - - h+", "what starts well was told as it was");
    assert_eq!(minutely("sssssshs"), "+ - - - - s+ h -");
    assert_eq!(minutely("hsss?ssss"), "h+ - - - - + s - -", "what is not known is no news");
    assert_eq!(minutely("hssshssscsss"), "h+ - - - - + - - - - + -", "each start has its own five minutes");
    assert_eq!(minutely("ccssssssc"), "+ c - - - + - s c", "it has not been well since it failed");
    assert_eq!(minutely("sssssscc"), "+ - - - - s+ - c");
    let none = || Seen { services: Some(BTreeMap::new()), ..Seen::default() };
    let passes = [(0, seen('s')), (300, seen('s')), (360, none()), (420, none())];
    assert_eq!(told(passes, &limits()), "+ s+ a -", "and it is taken back");
    let late = [(0, seen('s')), (-3600, seen('s')), (-3500, seen('s')), (-3300, seen('s'))];
    assert_eq!(told(late, &limits()), "+ + - s+", "a clock that went back starts it anew");
}

#[test]
fn as_many_failures_as_the_settings_want() {
    for (unhealthy_after, want) in [(1, "h+ c -"), (2, "h+ - c"), (3, "h+ - -")] {
        let passes = "hcc".chars().zip(0..).map(|(letter, minute)| (minute * 60, seen(letter)));
        assert_eq!(told(passes, &Limits { unhealthy_after, ..limits() }), want);
    }
}

#[test]
fn a_disk_is_high_at_its_limit_and_normal_five_points_below() {
    let passes = [89.9, 90.0, 86.0, 85.1, 85.0, 89.9, 95.5].into_iter().zip(0..).map(|(used_percent, minute)| {
        (minute, Seen { disk: Some(DiskUse { used_percent, mount: "/".into() }), ..Seen::default() })
    });
    assert_eq!(told(passes, &limits()), "normal+ high - - normal - high");
    let refreshed = [91.0, 86.0].into_iter().zip([0, 300]).map(|(used_percent, second)| {
        (second, Seen { disk: Some(DiskUse { used_percent, mount: "/".into() }), ..Seen::default() })
    });
    assert_eq!(told(refreshed, &limits()), "high+ high+", "it is told again as it was told");
    let everything = Limits { disk_high: 3, ..limits() };
    let seen = Seen { disk: Some(DiskUse { used_percent: 0.0, mount: "/".into() }), ..Seen::default() };
    assert_eq!(told([(0, seen)], &everything), "normal+");
}

#[test]
fn a_service_that_is_no_longer_watched_leaves_the_world_once() {
    let none = || Seen { services: Some(BTreeMap::new()), ..Seen::default() };
    assert_eq!(told([(0, seen('h')), (60, none()), (120, none())], &limits()), "h+ a -");
    assert_eq!(told([(0, seen('c')), (60, none())], &limits()), "+ -", "nothing was told of it");
    let broken = Seen::default;
    assert_eq!(
        told([(0, seen('h')), (60, broken()), (300, broken()), (360, seen('h'))], &limits()),
        "h+ - + -",
        "what a broken host file wants is not known"
    );
}

#[test]
fn a_node_never_seems_silent_while_its_agent_runs() {
    let gap = |refresh: u64, silent_after: u64, pause: i64| {
        let limits = Limits {
            refresh: Duration::from_secs(refresh),
            silent_after: Duration::from_secs(silent_after),
            ..limits()
        };
        let passes = (0..200).map(|pass| (pass * pause, seen('?')));
        let words = told(passes, &limits);
        let beats = words.split(' ').enumerate().filter(|(_, w)| w.contains('+')).map(|(pass, _)| pass as i64 * pause);
        let beats: Vec<i64> = beats.collect();
        beats.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    };
    for (refresh, silent_after, pause) in
        [(300, 900, 60), (300, 900, 61), (7200, 900, 60), (300, 60, 10), (10, 900, 60)]
    {
        let gap = gap(refresh, silent_after, pause);
        assert!(gap * 2 <= silent_after as i64, "{refresh} {silent_after} {pause}: {gap}");
    }
    assert_eq!(gap(300, 900, 299), 299, "a timer that comes a second early is not put off");
}

#[test]
fn a_clock_that_went_back_puts_nothing_off() {
    assert_eq!(told([(0, seen('h')), (-3600, seen('h')), (-3540, seen('h'))], &limits()), "h+ h+ -");
}

#[test]
fn an_unchanged_minute_leaves_the_memory_as_it_is() {
    let mut memory = Memory::none(&"piha".parse().unwrap(), None);
    for (letter, minute, same) in [('h', 0, false), ('h', 1, true), ('c', 2, false), ('c', 3, false), ('c', 4, true)] {
        let now = NOON.plus_millis(minute * 60_000);
        let after = decide(&memory, &seen(letter), serde_json::Map::new(), &limits(), now).memory;
        assert_eq!(after == memory, same, "minute {minute}");
        memory = after;
    }
}

#[test]
fn the_engine_is_asked_for_its_version_once_an_hour() {
    let memory = Memory::none(&"piha".parse().unwrap(), None);
    let engine = Engine { version: "28".into(), asked_at: NOON };
    for (minutes, is_known) in [(0, true), (59, true), (60, false), (600, false), (-1, false)] {
        let memory = Memory { engine: Some(engine.clone()), ..memory.clone() };
        let known = memory.engine(NOON.plus_millis(minutes * 60_000));
        assert_eq!(known, is_known.then_some(&engine), "after {minutes} minutes");
    }
}

#[test]
fn an_event_says_what_was_seen() {
    let memory = Memory::none(&"piha".parse().unwrap(), None);
    let limits = Limits { unhealthy_after: 1, ..limits() };
    let facts = serde_json::Map::from_iter([("agent".to_owned(), "1".into())]);
    let events = decide(&memory, &seen('n'), facts, &limits, NOON).events;
    let lines: Vec<String> = events.iter().map(Outgoing::to_line).collect();
    assert_eq!(
        lines,
        [
            r#"{"ts":"2026-11-23T12:00:00.000Z","node":"piha","type":"service_unhealthy","service":"web","reason":"containers_not_running","source":"agent","details":{"seen":"d"}}"#,
            r#"{"ts":"2026-11-23T12:00:00.000Z","node":"piha","type":"node_heartbeat","source":"agent","details":{"agent":"1"}}"#,
        ]
    );
}
