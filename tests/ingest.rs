//! `hlctl ingest` and `hlctl events` through the real binary, and with a real broker in front of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

mod needs;

struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlctl"));
        command.env_clear().arg("--root").arg(self.0.path()).args(args);
        command
    }

    fn spawn(&self, args: &[&str]) -> Running {
        let mut command = self.command(args);
        Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn run(&self, args: &[&str], input: &str) -> (i32, String, String) {
        let mut child = self.spawn(args);
        // A command line that is wrong is refused before anything is read.
        let _ = child.0.stdin.take().unwrap().write_all(input.as_bytes());
        let status = child.0.wait().unwrap();
        let text = |stream: &mut dyn std::io::Read| {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        let (out, err) = (text(&mut child.0.stdout.take().unwrap()), text(&mut child.0.stderr.take().unwrap()));
        (status.code().unwrap(), out, err)
    }

    /// Returns the files of events and what they hold.
    fn log(&self) -> Vec<(PathBuf, String)> {
        let dirs = fs::read_dir(self.0.path().join("events")).into_iter().flatten();
        let files = dirs.flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap()).map(|file| file.unwrap().path());
        files.map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
    }

    fn wait_for(&self, what: &str) {
        let began = Instant::now();
        while !self.log().iter().any(|(_, text)| text.contains(what)) {
            assert!(began.elapsed() < Duration::from_secs(20), "{what} never came: {:?}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn event(ts: i64, kind: &str, service: &str) -> String {
    format!(r#"{{"ts":{ts},"node":"piha","type":"{kind}","service":"{service}","reason":"r"}}"#)
}

const T: i64 = 1_795_400_000;

#[test]
fn good_lines_are_written_and_bad_ones_are_told_and_kept() {
    let root = Root::new();
    let (a, b) = (event(T, "service_healthy", "web"), event(T + 1, "service_healthy", "db"));
    let input = format!("{a}\r\n\nbroken\n{{\"ts\":{T}}}\n{b}");
    let rejects = root.0.path().join("rejects");
    let (code, out, err) = root.run(&["ingest", "--source", "mqtt", "--rejects", rejects.to_str().unwrap()], &input);
    assert_eq!((code, out.as_str()), (1, "2 events written, 2 lines are no events\n"));
    assert_eq!(err, "hlctl: line 3: not JSON: expected value (column 1)\nhlctl: line 4: no `node`\n");
    assert_eq!(fs::read_to_string(rejects).unwrap(), format!("broken\n{{\"ts\":{T}}}\n"));
    let log = root.log();
    assert!(log.len() == 1 && log[0].0.ends_with("mqtt.jsonl") && log[0].1 == format!("{a}\n{b}\n"), "{log:?}");
    let (code, out, _) = root.run(&["ingest", "--json"], &a);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report), (0, serde_json::json!({"accepted": 1, "rejected": [], "rejected_total": 0})));
    assert_eq!(root.run(&["ingest", "--source", "../x"], &a).0, 2);
    assert_eq!(root.run(&["ingest"], "").1, "0 events written\n");
}

#[test]
fn a_pipe_that_stays_open_is_written_promptly() {
    let root = Root::new();
    let mut child = root.spawn(&["ingest"]);
    let mut input = child.0.stdin.take().unwrap();
    for i in 0..2 {
        writeln!(input, "{}", event(T + i, "service_healthy", &format!("s{i}"))).unwrap();
        let began = Instant::now();
        root.wait_for(&format!("\"s{i}\""));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_signal_ends_it_after_the_last_whole_line() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::TERM, Signal::INT] {
        let root = Root::new();
        let mut child = root.spawn(&["ingest"]);
        let mut input = child.0.stdin.take().unwrap();
        let first = event(T, "service_healthy", "first");
        writeln!(input, "{first}").unwrap();
        root.wait_for("first");
        // What lies in the pipe was delivered, as far as its writer knows.
        let lines: Vec<String> = (0..300).map(|i| event(T + i, "service_healthy", &format!("s{i}"))).collect();
        write!(input, "{}\n{{\"half", lines.join("\n")).unwrap();
        kill_process(Pid::from_child(&child.0), signal).unwrap();
        let output = ended(child);
        assert_eq!(output, (Some(0), "301 events written\n".into(), half(302)), "{signal:?}");
        assert_eq!(root.log()[0].1, format!("{first}\n{}\n", lines.join("\n")));
        drop(input);
    }
}

#[test]
fn a_signal_ends_it_while_nothing_or_all_too_much_comes() {
    use rustix::process::{Pid, Signal, kill_process};
    let root = Root::new();
    let mut idle = root.spawn(&["ingest"]);
    let input = idle.0.stdin.take();
    // It listens before it reads: what it wrote is the sign that it does.
    writeln!(input.as_ref().unwrap(), "{}", event(T, "service_healthy", "listens")).unwrap();
    root.wait_for("listens");
    kill_process(Pid::from_child(&idle.0), Signal::TERM).unwrap();
    assert_eq!(ended(idle), (Some(0), "1 event written\n".into(), "hlctl: interrupted after line 1\n".into()));

    let mut busy = root.spawn(&["ingest", "--source", "busy"]);
    let mut input = busy.0.stdin.take().unwrap();
    let line = event(T, "service_healthy", "busy") + "\n";
    let flood = std::thread::spawn(move || while input.write_all(line.as_bytes()).is_ok() {});
    root.wait_for("busy");
    kill_process(Pid::from_child(&busy.0), Signal::INT).unwrap();
    let (code, out, _) = ended(busy);
    flood.join().unwrap();
    let log = root.log();
    let text = &log.iter().find(|(path, _)| path.ends_with("busy.jsonl")).unwrap().1;
    assert!(text.ends_with('\n'));
    assert_eq!((code, out), (Some(0), format!("{} events written\n", text.lines().count())));
}

fn half(line: u64) -> String {
    format!("hlctl: interrupted in the middle of line {line}, which was left out\n")
}

/// Waits for the end. Returns the exit code and what was said.
fn ended(mut child: Running) -> (Option<i32>, String, String) {
    let began = Instant::now();
    while child.0.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    let text = |stream: &mut dyn std::io::Read| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let (out, err) = (text(&mut child.0.stdout.take().unwrap()), text(&mut child.0.stderr.take().unwrap()));
    (child.0.wait().unwrap().code(), out, err)
}

#[test]
fn bad_lines_that_cannot_be_kept_cost_no_good_one() {
    let root = Root::new();
    let lines = [event(T, "service_healthy", "one"), "bad".into(), event(T, "service_healthy", "two"), "worse".into()];
    let (code, _, err) = root.run(&["ingest", "--rejects", "/dev/full"], &(lines.join("\n") + "\n"));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("2 events were written, but not all of the bad lines were kept"), "{err}");
    assert!(err.contains("line 2 and those that follow are not kept") && err.contains("line 4: not JSON"), "{err}");
    assert_eq!(root.log()[0].1.lines().count(), 2);
}

#[test]
fn events_of_a_file_whose_time_was_set_back_are_shown_and_followed_in_the_days_before() {
    let root = Root::new();
    fs::write(root.0.path().join("clock"), "").unwrap();
    let now = fs::metadata(root.0.path().join("clock")).unwrap().modified().unwrap();
    let seconds = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let day = hlctl::flow::time::Stamp::from_millis((seconds - 3 * 86_400) * 1000).day();
    let path = root.0.path().join("events").join(day).join("a.jsonl");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, event(seconds - 60, "service_healthy", "web") + "\n").unwrap();
    fs::File::options().append(true).open(&path).unwrap().set_modified(now - Duration::from_secs(9 * 86_400)).unwrap();
    assert!(root.run(&["events", "--since", "1h"], "").1.contains("web"));
    let mut following = root.spawn(&["events", "--follow", "--json"]);
    let mut lines = BufReader::new(following.0.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("web"));
    let late = event(seconds, "service_healthy", "late") + "\n";
    fs::File::options().append(true).open(&path).unwrap().write_all(late.as_bytes()).unwrap();
    assert!(lines.next().unwrap().unwrap().contains("late"));
}

#[test]
fn events_are_shown_filtered_and_in_order() {
    let root = Root::new();
    let lines = [
        event(T + 9, "service_unhealthy", "web"),
        event(T, "service_healthy", "web"),
        event(T + 5, "service_healthy", "db"),
        format!(r#"{{"ts":{T},"node":"vps","type":"odd\u001b[2J","details":{{"a":1}}}}"#),
    ];
    root.run(&["ingest"], &(lines.join("\n") + "\n"));
    let show = |args: &[&str]| root.run(&[&["events"], args].concat(), "").1;
    let all = show(&[]);
    let columns = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(
        columns(&all),
        [
            "TIME NODE TYPE SERVICE WHAT",
            "2026-11-23T02:13:20.000Z piha service_healthy web healthy r",
            "2026-11-23T02:13:20.000Z vps odd\\u{1b}[2J - {\"a\":1}",
            "2026-11-23T02:13:25.000Z piha service_healthy db healthy r",
            "2026-11-23T02:13:29.000Z piha service_unhealthy web unhealthy r",
        ]
    );
    for (args, lines) in [
        (&["--node", "vps"][..], 2),
        (&["--service", "web"], 3),
        (&["--type", "service_healthy", "--type", "service_unhealthy"], 4),
        (&["--since", "2026-11-23T02:13:25Z"], 3),
        (&["--until", "2026-11-23T02:13:25Z", "--service", "db"], 2),
        (&["--last", "1"], 2),
        (&["--node", "nobody"], 0),
    ] {
        assert_eq!(show(args).lines().count(), lines, "{args:?}: {}", show(args));
    }
    let json = show(&["--json", "--last", "1"]);
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&shown["type"], &shown["status"], &shown["line"]),
        (&"service_unhealthy".into(), &"unhealthy".into(), &1.into())
    );
    assert_eq!(root.run(&["events", "--since", "yesterday"], "").0, 2);
}

#[test]
fn what_is_added_is_followed() {
    let root = Root::new();
    root.run(&["ingest"], &event(T, "service_healthy", "before"));
    let mut child = root.spawn(&["events", "--follow", "--json"]);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("before"));
    for service in ["one", "two"] {
        root.run(&["ingest"], &event(T, "service_healthy", service));
        assert!(lines.next().unwrap().unwrap().contains(service));
    }
    drop(lines);
    let began = Instant::now();
    while child.0.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "it ends when nobody reads it any more");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_mosquitto_broker_feeds_the_log() {
    if !["mosquitto", "mosquitto_sub", "mosquitto_pub"].into_iter().all(needs::program) {
        return;
    }
    let root = Root::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let config = root.0.path().join("mosquitto.conf");
    fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
    let quiet = |mut command: Command| {
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut broker = Command::new("mosquitto");
    broker.arg("-c").arg(&config).stdout(Stdio::null());
    let _broker = Running(quiet(broker).spawn().unwrap());
    let began = Instant::now();
    while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "the broker does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut subscriber = Command::new("mosquitto_sub");
    subscriber.args(["-h", "127.0.0.1", "-p", &port, "-t", "homelab/#"]).stdout(Stdio::piped());
    let mut subscriber = Running(quiet(subscriber).spawn().unwrap());
    let mut ingest = root.command(&["ingest", "--source", "mqtt"]);
    let ingest = ingest.stdin(Stdio::from(subscriber.0.stdout.take().unwrap())).stdout(Stdio::null());
    let mut ingest = Running(ingest.stderr(Stdio::null()).spawn().unwrap());
    let publish = |topic: &str, text: &str| {
        let args = ["-h", "127.0.0.1", "-p", &port, "-r", "-t", topic, "-m", text];
        assert!(Command::new("mosquitto_pub").args(args).status().unwrap().success());
    };
    // Retained, so that it does not matter who was first.
    publish("homelab/piha", &event(T, "service_healthy", "retained"));
    root.wait_for("retained");
    publish("homelab/vps", "not an event");
    publish("homelab/vps", &event(T, "service_healthy", "later"));
    root.wait_for("later");
    drop(subscriber);
    assert_eq!(ingest.0.wait().unwrap().code(), Some(1), "one line was none");
    assert!(root.log().iter().all(|(path, text)| is_whole(path, text)));
}

fn is_whole(path: &Path, text: &str) -> bool {
    path.ends_with("mqtt.jsonl") && text.ends_with('\n') && !text.contains("not an event")
}
