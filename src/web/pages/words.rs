//! Words for people where the files have words for programs: why something failed, and what to do about it.

use crate::flow::drift::in_words;

/// Returns why something ended as it did; a reason that is not known here is given as it is.
pub fn reason(code: &str) -> &str {
    match code {
        "step_failed" => "a step failed",
        "fetch_failed" => "what it needs could not be fetched",
        "timeout" => "it took too long",
        "program_missing" => "a program is missing",
        "engine_unreachable" => "the container engine does not answer",
        "no_compose" => "no compose command answers",
        "compose_too_old" => "the compose command is too old",
        "rollback_failed" => "what ran before could not be restored",
        "not_healthy_after" => "it did not become healthy",
        "not_started" => "it could not be started",
        "ssh_unreachable" => "the node cannot be reached",
        "ssh_refused" => "the node refused the login",
        "ssh_host_key" => "the node's host key is not the known one",
        "ssh_connection_lost" => "the connection to the node was lost",
        "executor_interrupted" => "hlctl was ended while it ran",
        "plan_changed_since_approval" => "the plan changed after it was approved",
        "approval_expired" => "the approval had expired",
        "drift_resolved_auto" => "it was mended before anybody decided",
        "service_removed_from_desired_state" => "the service is desired no more",
        "superseded" => "a redeploy took its place",
        "may_still_run" => "a step may still be running on the node",
        "rolled_back" => "what ran before was restored",
        "nothing_to_roll_back_to" => "there was nothing to go back to",
        other => in_words(other),
    }
}

/// Says what to do after a failure.
pub fn next(code: Option<&str>) -> &'static str {
    match code.unwrap_or_default() {
        "fetch_failed" => {
            "Nothing was disturbed: what ran goes on running. See whether the repository and the registry can be \
             reached, then approve it again."
        }
        "timeout" => {
            "Look on the node whether it is done after all. If it only needs longer, raise `timeout:` of the service."
        }
        "program_missing" | "no_compose" | "compose_too_old" => {
            "Install on the node what the message names, or give the service a recipe of its own, then approve it again."
        }
        "engine_unreachable" => {
            "Start the engine on the node, or let the user of hlctl use it: `docker info` there says why it does not."
        }
        "ssh_unreachable" | "ssh_connection_lost" => {
            "See whether the node is up and reachable; its other actions wait until it is."
        }
        "ssh_refused" | "ssh_host_key" => {
            "Log in to the node once by hand as the user of hlctl: ssh will say what it wants."
        }
        "not_healthy_after" => {
            "Read the last lines of its log and what its check says; then mend it, or go back to a commit that worked."
        }
        "rollback_failed" => "The service may be down now. Look at it on the node before anything else is approved.",
        "executor_interrupted" => {
            "It is never run again by itself. See how far it came, then approve it anew when it is back in the queue."
        }
        "plan_changed_since_approval" => "Nothing was run. Read the plan as it is now, and approve that.",
        "approval_expired" => "Nothing was run. Approve it again when it is back in the queue.",
        "not_started" => "Nothing was run. Mend what the message names.",
        _ => "Read the end of the output below and mend the cause. While it is there, reconcile queues it again.",
    }
}
