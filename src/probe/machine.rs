//! What a heartbeat says of the machine: how long it is up, its load, its memory. Reads `/proc`.

use serde_json::{Map, Value, json};

/// Returns the facts that can be had.
pub fn facts() -> Map<String, Value> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{name}")).ok();
    let facts = [
        ("uptime_s", read("uptime").and_then(|text| uptime(&text))),
        ("load", read("loadavg").and_then(|text| load(&text))),
        ("memory", read("meminfo").and_then(|text| memory(&text))),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))).collect()
}

fn uptime(text: &str) -> Option<Value> {
    Some(text.split(['.', ' ']).next()?.parse::<u64>().ok()?.into())
}

fn load(text: &str) -> Option<Value> {
    let numbers: Vec<f64> = text.split(' ').take(3).filter_map(|word| word.parse().ok()).collect();
    (numbers.len() == 3).then(|| numbers.into())
}

fn memory(text: &str) -> Option<Value> {
    let mib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
    };
    Some(json!({ "total_mib": mib("MemTotal")?, "available_mib": mib("MemAvailable")? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_and_what_it_does_not_say_is_left_out() {
        assert_eq!(uptime("12345.67 54321.00\n"), Some(json!(12345)));
        assert_eq!(load("0.50 0.25 0.10 1/100 4242\n"), Some(json!([0.5, 0.25, 0.1])));
        let text = "MemTotal:        2048000 kB\nMemFree: 1 kB\nMemAvailable:    1024000 kB\n";
        assert_eq!(memory(text), Some(json!({"total_mib": 2000, "available_mib": 1000})));
        assert_eq!((uptime("x"), load("1 2"), memory("MemTotal: 1 kB")), (None, None, None));
        assert!(facts().contains_key("uptime_s"));
    }
}
