"""The command line of the program. Each command imports what it needs and no more: a push starts Python four times."""

from __future__ import annotations

import os
import sys

from .failure import Failure

USAGE = """usage, as root: protected-sites COMMAND

  setup [--name NAME] [--repair MARK]
                                 sets this machine up as a proxy host (bundle on standard input)
  teardown                       undoes the setup
  authorize                      sets the keys that may push (public keys on standard input)
  push [--repair MARK]           puts a site live (bundle on standard input)
  rollback DOMAIN [--to NUMBER]  rolls a site back to an earlier generation; default: the one before the live one
  remove DOMAIN [--of NAME]      removes a site; with a name only if it still has this one in the configuration
  credentials [--repair MARK]    verifies a site's credentials with Entra, then switches to them (standard input)
  remove-credentials DOMAIN [--of NAME]
                                 removes a site's credentials
  forget-sessions                deletes a removed site's sessions from its Redis (standard input)
  block [--every-site [--unblocks UPN...]]
                                 sets who is blocked at every site (the list on standard input)
  status [--json]                shows what is on this host
  who                            shows who has used which site from where (since when on standard input)
  history                        shows what was done here, and by whom (since when on standard input)
  metrics [--textfile FILE]      prints this host's metrics for Prometheus, or writes them to a file

MARK is that of the drift which the command repairs. systemd starts `worker`, `recover [--boot]` and `follow-addresses`,
the worker `rehearse NAMES DOMAIN...`.
"""


def main(arguments: list[str]) -> int:
    os.umask(0o022)
    # A plain push is allowed to everybody whom sudo lets in, and the check would import what a push does without.
    if "SUDO_USER" in os.environ and arguments != ["push"]:
        from .deployer import refuse_more

        try:
            refuse_more(arguments)
        except Failure as failure:
            print(f"protected-sites: {failure.what}", file=sys.stderr)
            return 1
    try:
        if os.geteuid() != 0:
            raise Failure("start", "must run as root")
        return act(arguments)
    except (Failure, OSError) as error:
        print(Failure.of(error).as_text(" ".join(arguments[:1])), file=sys.stderr)
    return 1


def act(arguments: list[str]) -> int:
    """Runs what systemd and the worker start, which take what time they need, and a push, which limits its own."""
    match arguments:
        case ["worker"]:
            from .worker import work

            return work()
        case ["recover", *options] if options in ([], ["--boot"]):
            from .plain_places import JOURNAL, QUEUE

            taken = os.path.isdir(QUEUE) and any(name.endswith(".taken") for name in os.listdir(QUEUE))
            if not taken and not os.path.exists(JOURNAL):
                return 0  # as after nearly every worker
            from .worker import recover

            return recover(boot=bool(options))
        case ["follow-addresses"]:
            from .follow import follow

            return follow()
        case ["rehearse", names, *domains]:
            from .rehearsal import rehearse

            return rehearse(domains, names.split(","))
        case ["push", *options]:
            from .push import push

            return push(value_of("--repair", options))
        case _:
            import signal

            signal.signal(signal.SIGALRM, out_of_time)
            signal.alarm(900 if arguments[:1] == ["setup"] else 600)
            return act_for_caller(arguments)


def out_of_time(*_: object) -> None:
    raise Failure("waiting", "timed out waiting for the result; see pushes.jsonl on the host")


def act_for_caller(arguments: list[str]) -> int:
    match arguments:
        case ["setup", *options]:
            return set_up(options)
        case ["teardown"]:
            from .setup import teardown

            return teardown()
        case ["authorize"]:
            from .setup import authorize

            return authorize()
        case ["rollback", domain, *options]:
            from .rollback import rollback

            return rollback(domain, value_of("--to", options))
        case ["remove" | "remove-credentials" as kind, domain, *options]:
            from .sites import Site
            from .submission import submit

            return submit(kind, domain=Site(domain).domain, of=value_of("--of", options))
        case ["credentials", *options]:
            from .credentials import credentials

            return credentials(value_of("--repair", options))
        case ["forget-sessions"]:
            from .sessions import forget_sessions

            return forget_sessions()
        case ["block"] | ["block", "--every-site"] | ["block", "--every-site", "--unblocks", *_]:
            from .blocked import block

            return block(every_site=len(arguments) > 1, unblocks=arguments[3:] if len(arguments) > 2 else None)
        case ["status", *options] if options in ([], ["--json"]):
            from .status import status

            return status(as_json=bool(options))
        case ["who"]:
            from .who import who

            return who()
        case ["history"]:
            from .history import history

            return history()
        case ["metrics", *options]:
            from .metrics import metrics

            return metrics(value_of("--textfile", options))
        case _:
            print(USAGE, end="", file=sys.stderr)
            return 2


def set_up(options: list[str]) -> int:
    from .setup import setup

    named = options[:1] == ["--name"]
    name = value_of("--name", options[:2]) if named else None
    return setup(name, value_of("--repair", options[2:] if named else options))


def value_of(name: str, options: list[str]) -> str | None:
    """The value of a command's only option; None if it was not given."""
    if not options:
        return None
    if len(options) != 2 or options[0] != name:
        raise Failure("input", f"expected {name} with a value, got {' '.join(options)!r:.80}")
    return options[1]
