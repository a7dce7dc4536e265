# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hlctl_global_optspecs
    string join \n root= hosts= json v/verbose color= node= h/help V/version
end

function __fish_hlctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hlctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hlctl_using_subcommand
    set -l cmd (__fish_hlctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hlctl -n "__fish_hlctl_needs_command" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_needs_command" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_needs_command" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_needs_command" -l node -d 'This machine\'s name among the nodes [default: HLCTL_NODE, else the host name]' -r
complete -c hlctl -n "__fish_hlctl_needs_command" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_needs_command" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_needs_command" -s V -l version -d 'Print version'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "init" -d 'Make the data directory'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "observe" -d 'Fold the events into the world (a pass)'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "reconcile" -d 'Compare the desired state with the world and queue what it takes (a pass)'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "execute" -d 'Run what was approved (a pass)'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "mirror" -d 'Bring the world of the control plane here (a pass)'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "prune" -d 'Remove what is old and no longer needed (a pass)'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "agent" -d 'Look at this node\'s services and write what changed as events (a pass)'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "events" -d 'Show the event log'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "ingest" -d 'Take events in as JSON lines from standard input'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "approve" -d 'Approve pending actions'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "reject" -d 'Reject pending actions'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "actions" -d 'List the queue'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "show" -d 'Show one action with its plan and history'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "logs" -d 'Print the output of an action\'s executions'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "request" -d 'Queue an action that you want'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "plan" -d 'Print what would run'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "status" -d 'Show nodes, services, drift, queue and passes'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "silence" -d 'Hold new actions and notifications for a while'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "audit" -d 'Show the audit log, or verify it'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "serve" -d 'Serve the pages and the API'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "token" -d 'Make, list and revoke the tokens of operators, readers and agents'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "check" -d 'Lint config.yaml and the host files'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "digest" -d 'Print the world as Markdown, or a part of it'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "demo" -d 'Play a homelab of three nodes in a temporary root'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "completions" -d 'Print a shell\'s completions'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "man" -d 'Print the man page of hlctl, or of one command'
complete -c hlctl -n "__fish_hlctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hlctl -n "__fish_hlctl_using_subcommand init" -l owner -d 'Whom it belongs to, as UID or UID:GID' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand init" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand init" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand init" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand init" -l dry-run -d 'Say what would be made'
complete -c hlctl -n "__fish_hlctl_using_subcommand init" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand init" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -l every -d 'Repeat the pass, with this pause between (10s, 1m)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -l full -d 'Read every event again, whatever the checkpoint says'
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -l dry-run -d 'Say what would change, write nothing'
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand observe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -l every -d 'Repeat the pass, with this pause between (10s, 1m)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -l node -d 'This machine\'s name among the nodes' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -l dry-run -d 'Say what would be queued and cancelled, write nothing'
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand reconcile" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -l jobs -d 'Nodes side by side' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -l every -d 'Repeat the pass, with this pause between (10s, 1m)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -l node -d 'This machine\'s name among the nodes' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -l dry-run -d 'Say what would run, run nothing'
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand execute" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l from -d 'The control plane, such as http://vps:18180 [default: CONTROL_PLANE_URL]' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l token-file -d 'The file that holds the token [default: the systemd credential hlctl-token, where there is one]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l ca -d 'Believe the certificates of this file (PEM), and no others' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l every -d 'Repeat the pass, with this pause between (10s, 1m)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l dry-run -d 'Say what would change, write nothing'
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l insecure-http -d 'Speak plain HTTP also to addresses that are neither private nor Tailscale\'s'
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand mirror" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -l keep -d 'How long events are kept [default: keep.events of config.yaml, 30d]' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -l compress -d 'Compress the files of days that ended so long ago' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -l every -d 'Repeat the pass, with this pause between (10s, 1m)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -l dry-run -d 'Say what would go, change nothing'
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l to -d 'Send the events to this control plane, such as http://vps:18180, instead of writing them here' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l token-file -d 'The file that holds the token [default: the systemd credential hlctl-token, where there is one]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l ca -d 'Believe the certificates of this file (PEM), and no others' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l every -d 'Repeat the pass, with this pause between (10s, 1m)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l node -d 'This machine\'s name among the nodes' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l discover -d 'Write services.yaml and host.yaml for what runs here, instead of looking at it; what stands there stays'
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l insecure-http -d 'Speak plain HTTP also to addresses that are neither private nor Tailscale\'s'
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l dry-run -d 'Say what was seen and would be written, write nothing'
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand agent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l node -d 'Only this node, also under its aliases' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l service -d 'Only this service' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l type -d 'Only this type (repeatable)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l since -d 'Only from this time on: a time (2026-11-23T07:00:00Z) or how long ago (2h)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l until -d 'Only up to this time' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l last -d 'Only the last ones' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -s f -l follow -d 'Go on with what is added; without --since or --last, after the last ten'
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand ingest" -l source -d 'The file of the day that they are written into' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand ingest" -l rejects -d 'Append the lines that are no events to this file' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand ingest" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand ingest" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand ingest" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand ingest" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand ingest" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand ingest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l risk -d 'Those of this risk' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l node -d 'Those of this node' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l digest -d 'Approve only if the plan still has this digest' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l note -d 'A note for the history' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l all -d 'All pending actions'
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l dry-run -d 'Say what would be approved'
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l risk -d 'Those of this risk' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l node -d 'Those of this node' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l reason -d 'Why' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l all -d 'All pending actions'
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l dry-run -d 'Say what would be rejected'
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand reject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand actions" -l state -d 'Only this state (repeatable)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand actions" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand actions" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand actions" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand actions" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand actions" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand actions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand show" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand show" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand show" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand show" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand show" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand logs" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand logs" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand logs" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand logs" -s f -l follow -d 'Go on while it runs'
complete -c hlctl -n "__fish_hlctl_using_subcommand logs" -l raw -d 'Print the bytes as they are, control characters included'
complete -c hlctl -n "__fish_hlctl_using_subcommand logs" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand logs" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand request" -l note -d 'Why, for the history' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand request" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand request" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand request" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand request" -l dry-run -d 'Say what would be queued'
complete -c hlctl -n "__fish_hlctl_using_subcommand request" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand request" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand request" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand plan" -l node -d 'Those of this node' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand plan" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand plan" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand plan" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand plan" -l fetch -d 'Let the node fetch, and show the commits that a redeploy brings; approving then pins the newest'
complete -c hlctl -n "__fish_hlctl_using_subcommand plan" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand plan" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand status" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand status" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand status" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand status" -l check -d 'Exit with 3 when something needs a person'
complete -c hlctl -n "__fish_hlctl_using_subcommand status" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand status" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -l for -d 'For how long (2h)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -l why -d 'Why' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -l end -d 'End it now'
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -l dry-run -d 'Say what would be held'
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand silence" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l last -d 'Only the last lines' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -f -a "verify" -d 'Find any line changed, removed, reordered or cut off the end'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Find any line changed, removed, reordered or cut off the end'
complete -c hlctl -n "__fish_hlctl_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hlctl -n "__fish_hlctl_using_subcommand serve" -l listen -d 'The address and port; a socket of the service manager comes before it' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand serve" -l base-path -d 'The path before every address, behind a proxy (/homelab)' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand serve" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand serve" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand serve" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand serve" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand serve" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -f -a "add" -d 'Make a token and print it, once'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -f -a "list" -d 'List the tokens, without themselves'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -f -a "revoke" -d 'Revoke a token, and the sessions begun with it'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and not __fish_seen_subcommand_from add list revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -l nodes -d 'The nodes of the agent [default: the one called NAME]' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -l agent -d 'For an agent, which may send events of its node only'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -l reader -d 'For somebody who may only look'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from list" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from list" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from list" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from list" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "add" -d 'Make a token and print it, once'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the tokens, without themselves'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Revoke a token, and the sessions begun with it'
complete -c hlctl -n "__fish_hlctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hlctl -n "__fish_hlctl_using_subcommand check" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand check" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand check" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand check" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand check" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -l max -d 'Most bytes' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -l node -d 'Only this node, also under its aliases' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -l service -d 'Only this service of the node' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -l action -d 'Only this action, with the end of its output' -r
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand demo" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand demo" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand demo" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand demo" -l script -d 'Go through it without asking'
complete -c hlctl -n "__fish_hlctl_using_subcommand demo" -l keep -d 'Keep the root, to look at the files'
complete -c hlctl -n "__fish_hlctl_using_subcommand demo" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand demo" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand completions" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand completions" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand completions" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand completions" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand completions" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand man" -l dir -d 'Write all pages into this directory instead' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand man" -l root -d 'Data directory [default: HLCTL_ROOT, else /opt/homelab]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand man" -l hosts -d 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]' -r -F
complete -c hlctl -n "__fish_hlctl_using_subcommand man" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hlctl -n "__fish_hlctl_using_subcommand man" -l json -d 'Print JSON instead of tables'
complete -c hlctl -n "__fish_hlctl_using_subcommand man" -s v -l verbose -d 'Say more on stderr'
complete -c hlctl -n "__fish_hlctl_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "init" -d 'Make the data directory'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "observe" -d 'Fold the events into the world (a pass)'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "reconcile" -d 'Compare the desired state with the world and queue what it takes (a pass)'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "execute" -d 'Run what was approved (a pass)'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "mirror" -d 'Bring the world of the control plane here (a pass)'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "prune" -d 'Remove what is old and no longer needed (a pass)'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "agent" -d 'Look at this node\'s services and write what changed as events (a pass)'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "events" -d 'Show the event log'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "ingest" -d 'Take events in as JSON lines from standard input'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "approve" -d 'Approve pending actions'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "reject" -d 'Reject pending actions'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "actions" -d 'List the queue'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "show" -d 'Show one action with its plan and history'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "logs" -d 'Print the output of an action\'s executions'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "request" -d 'Queue an action that you want'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "plan" -d 'Print what would run'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "status" -d 'Show nodes, services, drift, queue and passes'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "silence" -d 'Hold new actions and notifications for a while'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "audit" -d 'Show the audit log, or verify it'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "serve" -d 'Serve the pages and the API'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "token" -d 'Make, list and revoke the tokens of operators, readers and agents'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "check" -d 'Lint config.yaml and the host files'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "digest" -d 'Print the world as Markdown, or a part of it'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "demo" -d 'Play a homelab of three nodes in a temporary root'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "completions" -d 'Print a shell\'s completions'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "man" -d 'Print the man page of hlctl, or of one command'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and not __fish_seen_subcommand_from init observe reconcile execute mirror prune agent events ingest approve reject actions show logs request plan status silence audit serve token check digest demo completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Find any line changed, removed, reordered or cut off the end'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "add" -d 'Make a token and print it, once'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "list" -d 'List the tokens, without themselves'
complete -c hlctl -n "__fish_hlctl_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "revoke" -d 'Revoke a token, and the sessions begun with it'
