
use builtin;
use str;

set edit:completion:arg-completer[hlctl] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'hlctl'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'hlctl'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --node 'This machine''s name among the nodes [default: HLCTL_NODE, else the host name]'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand init 'Make the data directory'
            cand observe 'Fold the events into the world (a pass)'
            cand reconcile 'Compare the desired state with the world and queue what it takes (a pass)'
            cand execute 'Run what was approved (a pass)'
            cand mirror 'Bring the world of the control plane here (a pass)'
            cand prune 'Remove what is old and no longer needed (a pass)'
            cand agent 'Look at this node''s services and write what changed as events (a pass)'
            cand events 'Show the event log'
            cand ingest 'Take events in as JSON lines from standard input'
            cand approve 'Approve pending actions'
            cand reject 'Reject pending actions'
            cand actions 'List the queue'
            cand show 'Show one action with its plan and history'
            cand logs 'Print the output of an action''s executions'
            cand request 'Queue an action that you want'
            cand plan 'Print what would run'
            cand status 'Show nodes, services, drift, queue and passes'
            cand silence 'Hold new actions and notifications for a while'
            cand audit 'Show the audit log, or verify it'
            cand serve 'Serve the pages and the API'
            cand token 'Make, list and revoke the tokens of operators, readers and agents'
            cand check 'Lint config.yaml and the host files'
            cand digest 'Print the world as Markdown, or a part of it'
            cand demo 'Play a homelab of three nodes in a temporary root'
            cand completions 'Print a shell''s completions'
            cand man 'Print the man page of hlctl, or of one command'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hlctl;init'= {
            cand --owner 'Whom it belongs to, as UID or UID:GID'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --dry-run 'Say what would be made'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;observe'= {
            cand --every 'Repeat the pass, with this pause between (10s, 1m)'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --full 'Read every event again, whatever the checkpoint says'
            cand --dry-run 'Say what would change, write nothing'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;reconcile'= {
            cand --every 'Repeat the pass, with this pause between (10s, 1m)'
            cand --node 'This machine''s name among the nodes'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --dry-run 'Say what would be queued and cancelled, write nothing'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;execute'= {
            cand --jobs 'Nodes side by side'
            cand --every 'Repeat the pass, with this pause between (10s, 1m)'
            cand --node 'This machine''s name among the nodes'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --dry-run 'Say what would run, run nothing'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;mirror'= {
            cand --from 'The control plane, such as http://vps:18180 [default: CONTROL_PLANE_URL]'
            cand --token-file 'The file that holds the token [default: the systemd credential hlctl-token, where there is one]'
            cand --ca 'Believe the certificates of this file (PEM), and no others'
            cand --every 'Repeat the pass, with this pause between (10s, 1m)'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --dry-run 'Say what would change, write nothing'
            cand --insecure-http 'Speak plain HTTP also to addresses that are neither private nor Tailscale''s'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;prune'= {
            cand --keep 'How long events are kept [default: keep.events of config.yaml, 30d]'
            cand --compress 'Compress the files of days that ended so long ago'
            cand --every 'Repeat the pass, with this pause between (10s, 1m)'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --dry-run 'Say what would go, change nothing'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;agent'= {
            cand --to 'Send the events to this control plane, such as http://vps:18180, instead of writing them here'
            cand --token-file 'The file that holds the token [default: the systemd credential hlctl-token, where there is one]'
            cand --ca 'Believe the certificates of this file (PEM), and no others'
            cand --every 'Repeat the pass, with this pause between (10s, 1m)'
            cand --node 'This machine''s name among the nodes'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --discover 'Write services.yaml and host.yaml for what runs here, instead of looking at it; what stands there stays'
            cand --insecure-http 'Speak plain HTTP also to addresses that are neither private nor Tailscale''s'
            cand --dry-run 'Say what was seen and would be written, write nothing'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;events'= {
            cand --node 'Only this node, also under its aliases'
            cand --service 'Only this service'
            cand --type 'Only this type (repeatable)'
            cand --since 'Only from this time on: a time (2026-11-23T07:00:00Z) or how long ago (2h)'
            cand --until 'Only up to this time'
            cand --last 'Only the last ones'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand -f 'Go on with what is added; without --since or --last, after the last ten'
            cand --follow 'Go on with what is added; without --since or --last, after the last ten'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;ingest'= {
            cand --source 'The file of the day that they are written into'
            cand --rejects 'Append the lines that are no events to this file'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;approve'= {
            cand --risk 'Those of this risk'
            cand --node 'Those of this node'
            cand --digest 'Approve only if the plan still has this digest'
            cand --note 'A note for the history'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --all 'All pending actions'
            cand --dry-run 'Say what would be approved'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;reject'= {
            cand --risk 'Those of this risk'
            cand --node 'Those of this node'
            cand --reason 'Why'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --all 'All pending actions'
            cand --dry-run 'Say what would be rejected'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;actions'= {
            cand --state 'Only this state (repeatable)'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;show'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;logs'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand -f 'Go on while it runs'
            cand --follow 'Go on while it runs'
            cand --raw 'Print the bytes as they are, control characters included'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;request'= {
            cand --note 'Why, for the history'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --dry-run 'Say what would be queued'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;plan'= {
            cand --node 'Those of this node'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --fetch 'Let the node fetch, and show the commits that a redeploy brings; approving then pins the newest'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;status'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --check 'Exit with 3 when something needs a person'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;silence'= {
            cand --for 'For how long (2h)'
            cand --why 'Why'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --end 'End it now'
            cand --dry-run 'Say what would be held'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;audit'= {
            cand --last 'Only the last lines'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand verify 'Find any line changed, removed, reordered or cut off the end'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hlctl;audit;verify'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;audit;help'= {
            cand verify 'Find any line changed, removed, reordered or cut off the end'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hlctl;audit;help;verify'= {
        }
        &'hlctl;audit;help;help'= {
        }
        &'hlctl;serve'= {
            cand --listen 'The address and port; a socket of the service manager comes before it'
            cand --base-path 'The path before every address, behind a proxy (/homelab)'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;token'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand add 'Make a token and print it, once'
            cand list 'List the tokens, without themselves'
            cand revoke 'Revoke a token, and the sessions begun with it'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hlctl;token;add'= {
            cand --nodes 'The nodes of the agent [default: the one called NAME]'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --agent 'For an agent, which may send events of its node only'
            cand --reader 'For somebody who may only look'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;token;list'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;token;revoke'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;token;help'= {
            cand add 'Make a token and print it, once'
            cand list 'List the tokens, without themselves'
            cand revoke 'Revoke a token, and the sessions begun with it'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hlctl;token;help;add'= {
        }
        &'hlctl;token;help;list'= {
        }
        &'hlctl;token;help;revoke'= {
        }
        &'hlctl;token;help;help'= {
        }
        &'hlctl;check'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;digest'= {
            cand --max 'Most bytes'
            cand --node 'Only this node, also under its aliases'
            cand --service 'Only this service of the node'
            cand --action 'Only this action, with the end of its output'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;demo'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --script 'Go through it without asking'
            cand --keep 'Keep the root, to look at the files'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;completions'= {
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;man'= {
            cand --dir 'Write all pages into this directory instead'
            cand --root 'Data directory [default: HLCTL_ROOT, else /opt/homelab]'
            cand --hosts 'Desired state [default: HLCTL_HOSTS, else hosts/ in the root]'
            cand --color 'When to use colours'
            cand --json 'Print JSON instead of tables'
            cand -v 'Say more on stderr'
            cand --verbose 'Say more on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'hlctl;help'= {
            cand init 'Make the data directory'
            cand observe 'Fold the events into the world (a pass)'
            cand reconcile 'Compare the desired state with the world and queue what it takes (a pass)'
            cand execute 'Run what was approved (a pass)'
            cand mirror 'Bring the world of the control plane here (a pass)'
            cand prune 'Remove what is old and no longer needed (a pass)'
            cand agent 'Look at this node''s services and write what changed as events (a pass)'
            cand events 'Show the event log'
            cand ingest 'Take events in as JSON lines from standard input'
            cand approve 'Approve pending actions'
            cand reject 'Reject pending actions'
            cand actions 'List the queue'
            cand show 'Show one action with its plan and history'
            cand logs 'Print the output of an action''s executions'
            cand request 'Queue an action that you want'
            cand plan 'Print what would run'
            cand status 'Show nodes, services, drift, queue and passes'
            cand silence 'Hold new actions and notifications for a while'
            cand audit 'Show the audit log, or verify it'
            cand serve 'Serve the pages and the API'
            cand token 'Make, list and revoke the tokens of operators, readers and agents'
            cand check 'Lint config.yaml and the host files'
            cand digest 'Print the world as Markdown, or a part of it'
            cand demo 'Play a homelab of three nodes in a temporary root'
            cand completions 'Print a shell''s completions'
            cand man 'Print the man page of hlctl, or of one command'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'hlctl;help;init'= {
        }
        &'hlctl;help;observe'= {
        }
        &'hlctl;help;reconcile'= {
        }
        &'hlctl;help;execute'= {
        }
        &'hlctl;help;mirror'= {
        }
        &'hlctl;help;prune'= {
        }
        &'hlctl;help;agent'= {
        }
        &'hlctl;help;events'= {
        }
        &'hlctl;help;ingest'= {
        }
        &'hlctl;help;approve'= {
        }
        &'hlctl;help;reject'= {
        }
        &'hlctl;help;actions'= {
        }
        &'hlctl;help;show'= {
        }
        &'hlctl;help;logs'= {
        }
        &'hlctl;help;request'= {
        }
        &'hlctl;help;plan'= {
        }
        &'hlctl;help;status'= {
        }
        &'hlctl;help;silence'= {
        }
        &'hlctl;help;audit'= {
            cand verify 'Find any line changed, removed, reordered or cut off the end'
        }
        &'hlctl;help;audit;verify'= {
        }
        &'hlctl;help;serve'= {
        }
        &'hlctl;help;token'= {
            cand add 'Make a token and print it, once'
            cand list 'List the tokens, without themselves'
            cand revoke 'Revoke a token, and the sessions begun with it'
        }
        &'hlctl;help;token;add'= {
        }
        &'hlctl;help;token;list'= {
        }
        &'hlctl;help;token;revoke'= {
        }
        &'hlctl;help;check'= {
        }
        &'hlctl;help;digest'= {
        }
        &'hlctl;help;demo'= {
        }
        &'hlctl;help;completions'= {
        }
        &'hlctl;help;man'= {
        }
        &'hlctl;help;help'= {
        }
    ]
    $completions[$command]
}
