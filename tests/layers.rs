//! The house: which room may use which, and which rooms alone may touch files, processes, the clock and the
//! environment. The tables are the strictest that the code meets: loosen one only with a reason that you write down.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::{Path, PathBuf};

/// A room (a path below `src/` without its ending; the longest that fits counts) and what it may name of the crate.
/// Data walks one way, from flow outwards; only run and main stand above commands.
const ROOMS: [(&str, &[&str]); 18] = [
    ("flow", &["flow"]),
    ("store", &["store", "flow"]),
    ("process", &["process"]),
    // TLS is the system's curl.
    ("wire", &["wire", "process", "flow"]),
    // Checks over https are spoken by the same curl.
    ("probe", &["probe", "process", "wire::curl", "flow"]),
    ("runner", &["runner", "process", "flow"]),
    // It shows the reports of commands, and of the store only the values that these carry.
    (
        "view",
        &[
            "view",
            "commands",
            "store::actions::Entry",
            "store::audit",
            "store::events",
            "flow",
            "context::Output",
            "exit",
        ],
    ),
    ("exit", &[]),
    // Errors of the store become advice in one place.
    ("fail", &["store", "wire", "exit"]),
    ("context", &["store", "flow", "fail"]),
    ("cli", &["flow"]),
    ("commands", &["commands", "view", "store", "wire", "probe", "runner", "flow", "context", "fail", "exit", "cli"]),
    // It also has to start its services, as the nodes' init would.
    ("commands/demo", &["commands", "view", "store", "probe", "process", "flow", "context", "fail", "exit", "cli"]),
    ("web", &["web", "commands", "view", "store", "runner::log", "flow", "context", "fail", "exit", "cli"]),
    // Carries requests and knows nothing of what they are about.
    ("web/engine", &["web"]),
    ("run", &["commands", "web::serve", "view", "context", "fail", "exit", "cli", "flow::mask"]),
    ("lib", &[]),
    ("main", &["run", "runner::gate", "context", "cli", "fail", "flow"]),
];

/// Names that only some rooms may use.
struct Ban {
    rule: &'static str,
    names: &'static [&'static str],
    /// Longer names that are harmless.
    except: &'static [&'static str],
    rooms: Rooms,
    /// Whether tests inside of `src/` have to keep to it too.
    in_tests: bool,
}

enum Rooms {
    Only(&'static [&'static str]),
    AllBut(&'static str),
}

const BANS: [Ban; 8] = [
    Ban {
        rule: "the HTTP client is named where it is made, and by the probe that carries it through a tunnel",
        names: &["ureq::", "httparse::"],
        except: &[],
        rooms: Rooms::Only(&["wire", "probe/http"]),
        in_tests: true,
    },
    Ban {
        rule: "the HTTP engine is named in its own room only",
        names: &["hyper::", "hyper_util::", "http_body_util::", "tokio::"],
        except: &[],
        rooms: Rooms::Only(&["web/engine"]),
        in_tests: true,
    },
    Ban {
        rule: "flow is pure: no files, processes, network, environment or clock",
        names: &[
            "std::fs",
            "fs_err",
            "std::process",
            "std::env",
            "std::net",
            "std::os",
            "std::thread",
            "rustix::",
            "tempfile",
            "SystemTime::now",
            "Instant::now",
            "Utc::now",
            "Local::now",
        ],
        except: &["std::net::IpAddr"],
        rooms: Rooms::AllBut("flow"),
        in_tests: true,
    },
    Ban {
        rule: "only main reads the clock on the wall; the others take `now` or the Clock",
        names: &["SystemTime::now", "Utc::now", "Local::now"],
        except: &[],
        rooms: Rooms::Only(&["main"]),
        in_tests: true,
    },
    Ban {
        // A socket's path is short: the demo's services work in their own folder.
        rule: "only main asks the environment; the others take the Context",
        names: &["std::env"],
        except: &["std::env::set_current_dir"],
        rooms: Rooms::Only(&["main"]),
        in_tests: true,
    },
    Ban {
        rule: "files are written by store, by the runner (logs, a step's file) and by the demo in its own folder",
        names: &[
            "fs::write",
            "fs_err::write",
            "File::create",
            "OpenOptions",
            "set_len(",
            "remove_file",
            "remove_dir",
            "::rename(",
            "renameat",
            "unlinkat",
            "hard_link",
            "symlink(",
            "set_permissions",
            "set_modified(",
            "set_times",
            "fs::copy",
            "fs_err::copy",
            "tempfile",
        ],
        except: &[],
        rooms: Rooms::Only(&["store", "runner", "commands/demo"]),
        in_tests: false,
    },
    Ban {
        rule: "folders are made by store, by the demo, by init (the root itself) and by man (where it is told to)",
        names: &["create_dir", "chown", "mkdirat"],
        except: &[],
        rooms: Rooms::Only(&["store", "runner/log", "commands/demo", "commands/init", "commands/man"]),
        in_tests: false,
    },
    Ban {
        rule: "processes are started by process, the gate that becomes the step, the tunnel, and the demo",
        names: &["duct::cmd", "std::process::Command", "std::process::{Command"],
        except: &[],
        rooms: Rooms::Only(&["process", "runner/gate", "probe/tunnel", "commands/demo/service", "commands/demo/page"]),
        in_tests: false,
    },
];

/// Returns whether a path or a Rust path begins with another, at a boundary.
fn is_within(path: &str, above: &str, boundary: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(boundary))
}

/// Returns the room of a file, with what it may name.
fn room(file: &str) -> Option<(&'static str, &'static [&'static str])> {
    let module = file.trim_end_matches(".rs");
    let fitting = ROOMS.into_iter().filter(|(room, _)| is_within(module, room, "/"));
    fitting.max_by_key(|(room, _)| room.len())
}

/// Returns the Rust paths that follow a root (`crate::`) in a line.
fn named<'a>(line: &'a str, root: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices(root) {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &line[at + root.len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        found.push(rest[..end].trim_end_matches(':'));
    }
    found
}

/// Returns what a file does that its room may not, each with its line and the rule.
fn breaches(file: &str, text: &str) -> Vec<String> {
    let Some((room, may_name)) = room(file) else {
        return vec![format!("src/{file}: it belongs to no room: give it one in tests/layers.rs")];
    };
    let module = file.trim_end_matches(".rs");
    let mut found = Vec::new();
    let mut in_tests = module.ends_with("/tests");
    for (n, line) in text.lines().enumerate() {
        in_tests |= line == "#[cfg(test)]";
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        let mut breach = |rule: &str| found.push(format!("src/{file}:{}: {rule}\n    {code}", n + 1));
        let root = if room == "main" { "hlctl::" } else { "crate::" };
        for path in named(code, root) {
            if !may_name.iter().any(|allowed| is_within(path, allowed, "::")) {
                breach(&format!("{room} may not use {path:?}; only {may_name:?}"));
            }
        }
        // The way round through `super` leads to the same doors.
        let beside = code.rsplit("super::").next().filter(|_| code.contains("super::")).unwrap_or_default();
        let beside = beside.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        if ROOMS.iter().any(|(other, _)| *other == beside) {
            breach(&format!("{room} reaches {beside} through super: name it by crate"));
        }
        for ban in &BANS {
            if in_tests && !ban.in_tests {
                continue;
            }
            let is_free = match ban.rooms {
                Rooms::Only(rooms) => rooms.iter().any(|r| is_within(module, r, "/")),
                Rooms::AllBut(closed) => !is_within(module, closed, "/"),
            };
            let code = ban.except.iter().fold(code.to_owned(), |code, harmless| code.replace(harmless, ""));
            if let Some(name) = ban.names.iter().find(|name| !is_free && code.contains(**name)) {
                breach(&format!("{name}: {}", ban.rule));
            }
        }
    }
    found
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_room_keeps_to_its_own() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&src);
    assert!(files.len() > 50, "the sources are not where they were");
    let found: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let file = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
            breaches(&file, &std::fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(found.is_empty(), "{} breaches of the house's rules:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_room_exists() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = ROOMS.iter().map(|(room, _)| *room);
    let doors = BANS.iter().flat_map(|ban| match ban.rooms {
        Rooms::Only(rooms) => rooms.to_vec(),
        Rooms::AllBut(room) => vec![room],
    });
    for room in rooms.chain(doors) {
        assert!(src.join(format!("{room}.rs")).is_file(), "there is no src/{room}.rs any more");
    }
}

#[test]
fn each_kind_of_breach_is_found_with_file_line_and_rule() {
    for (file, line, rule) in [
        ("flow/world.rs", "use std::fs;", "flow is pure"),
        ("flow/world.rs", "let f = fs_err::read(p);", "flow is pure"),
        ("flow.rs", "std::process::exit(1);", "flow is pure"),
        ("flow/world.rs", "use std::net::TcpStream;", "flow is pure"),
        ("flow/world.rs", "let now = Instant::now();", "flow is pure"),
        ("flow/world.rs", "use crate::store::root::Root;", "flow may not use"),
        ("flow/world.rs", "let r = super::super::store::root();", "through super"),
        ("store/world.rs", "let now = SystemTime::now();", "clock on the wall"),
        ("store/world.rs", "use crate::view::clean;", "store may not use"),
        ("store/world.rs", "let v = std::env::var(name);", "asks the environment"),
        ("view/status.rs", "use crate::store::root::Root;", "view may not use"),
        ("view/status.rs", "use crate::store::{actions::Entry, root::Root};", "view may not use"),
        ("view/status.rs", "use crate::cli::Cli;", "view may not use"),
        ("probe/http.rs", "use crate::store::events;", "probe may not use"),
        ("runner/step.rs", "use crate::commands::execute;", "runner may not use"),
        ("commands/status.rs", "use crate::run::complain;", "commands may not use"),
        ("commands/status.rs", "use crate::process;", "commands may not use"),
        ("commands/status.rs", "use crate::{run, flow};", "commands may not use"),
        ("commands/status.rs", "std::fs::write(path, text)?;", "files are written by"),
        ("commands/init.rs", "fs_err::remove_file(path)?;", "files are written by"),
        ("commands/status.rs", "fs_err::create_dir_all(path)?;", "folders are made by"),
        ("commands/status.rs", "use std::process::{Command, Stdio};", "processes are started by"),
        ("attic/box.rs", "", "no room"),
    ] {
        let text = format!("//! Words.\n{line}\n");
        let found = breaches(file, &text);
        assert!(!found.is_empty(), "nobody minds {line} in {file}");
        assert!(found[0].contains(rule), "{found:?} should say {rule:?}");
        assert!(found[0].starts_with(&format!("src/{file}:")), "{found:?}");
        assert!(line.is_empty() || found[0].starts_with(&format!("src/{file}:2: ")), "{found:?}");
    }
}

#[test]
fn what_is_no_breach_is_not_found() {
    for (file, text) in [
        ("flow/world.rs", "use crate::flow::time::Stamp;\n// std::fs is for others\nlet a: std::net::IpAddr;"),
        ("view/queue.rs", "use crate::store::actions::Entry;\nuse super::plan::plan;"),
        ("commands/status.rs", "use crate::flow::x;\n#[cfg(test)]\nmod tests {\n    std::fs::write(a, b);\n}"),
        ("commands/demo/lab.rs", "fs_err::write(a, b)?;\nuse crate::process;"),
        ("main.rs", "use hlctl::cli::Cli;\nlet t = chrono::Utc::now();"),
    ] {
        assert_eq!(breaches(file, text), Vec::<String>::new());
    }
}
