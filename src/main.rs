//! Reads the environment and the clock, parses, runs, exits.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use hlctl::cli::{Cli, ColorWhen, Command};
use hlctl::context::{Context, DEFAULT_ROOT, Output};
use hlctl::fail::fail;
use hlctl::flow::mask::is_secret;
use hlctl::flow::name::NodeName;
use hlctl::flow::project::Environment;
use hlctl::flow::time::{Clock, Stamp};

fn main() -> ExitCode {
    let cli = hlctl::run::parse(std::env::args_os().collect()).unwrap_or_else(|error| error.exit());
    if let Command::StepGate { argv } = &cli.command {
        return hlctl::runner::gate::main(argv);
    }
    let (context, wrong) = context(&cli);
    match wrong.map_or_else(|| hlctl::run::run(cli.command, &context), Err) {
        Ok(exit) => exit.into(),
        Err(report) => hlctl::run::complain(&report, &context, wants_backtrace()).into(),
    }
}

#[expect(clippy::disallowed_methods, reason = "main is where the clock and the environment are read")]
mod surroundings {
    use super::*;

    pub fn now() -> Stamp {
        Stamp::from_millis(chrono::Utc::now().timestamp_millis())
    }

    pub fn wants_backtrace() -> bool {
        var("RUST_BACKTRACE").is_some_and(|v| v != "0")
    }

    /// Returns a variable; bytes that are no UTF-8 are replaced, so that nothing that was set counts as unset.
    pub fn var(name: &str) -> Option<String> {
        std::env::var_os(name).filter(|v| !v.is_empty()).map(|v| v.to_string_lossy().into_owned())
    }

    pub fn path(name: &str) -> Option<PathBuf> {
        std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
    }

    /// Returns all of the environment that is text.
    pub fn environment() -> Environment {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }
}

use surroundings::{environment, now, path, var, wants_backtrace};

/// Returns the surroundings, and what is wrong with them.
fn context(cli: &Cli) -> (Context, Option<color_eyre::Report>) {
    let global = &cli.global;
    let terminal = std::io::stdout().is_terminal();
    let root = global.root.clone().or_else(|| path("HLCTL_ROOT"));
    let named = var("HLCTL_NODE").filter(|_| cli.node.is_none()).map(|name| name.parse::<NodeName>()).transpose();
    let (named, wrong) = match named {
        Ok(named) => (named, None),
        Err(e) => (None, Some(fail(format!("HLCTL_NODE: {e}"), "set it to this machine's name, or unset it"))),
    };
    let this_node = cli.node.clone().or(named);
    let host_name = || rustix::system::uname().nodename().to_string_lossy().parse().ok();
    let environment = environment();
    // The values of variables named like a secret, those of at least six characters.
    let secrets = environment.iter().filter(|(name, value)| is_secret(name, value)).map(|(_, v)| v.clone()).collect();
    let context = Context {
        root: root.unwrap_or_else(|| DEFAULT_ROOT.into()),
        hosts: global.hosts.clone().or_else(|| path("HLCTL_HOSTS")),
        this_node: this_node.or_else(host_name),
        alias_map: var("NODE_ALIAS_MAP"),
        sudo_user: var("SUDO_USER"),
        peer: var("SSH_CONNECTION").and_then(|c| c.split_whitespace().next().map(str::to_owned)),
        secrets,
        home: path("HOME"),
        environment: Arc::new(environment),
        // Names this very program even after its file was replaced by an upgrade.
        exe: "/proc/self/exe".into(),
        socket: match cli.command {
            // A wrong kind of socket is found out when its place is missing.
            Command::Serve(_) => listenfd::ListenFd::from_env().take_tcp_listener(0).ok().flatten().map(Arc::new),
            _ => None,
        },
        control_plane: var("CONTROL_PLANE_URL"),
        credentials: path("CREDENTIALS_DIRECTORY"),
        clock: Clock(now),
        output: Output {
            json: global.json,
            verbose: global.verbose,
            color: match global.color {
                ColorWhen::Always => true,
                ColorWhen::Never => false,
                ColorWhen::Auto => terminal && var("NO_COLOR").is_none(),
            },
            terminal,
            interactive: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        },
    };
    (context, wrong)
}
