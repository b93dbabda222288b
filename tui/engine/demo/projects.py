"""Whose sessions the demo database has: the projects, and what their trees are called. Invented."""

from __future__ import annotations

from typing import NamedTuple


class DemoProject(NamedTuple):
    """One project: its folder's name, how its files end, and what its trees are called."""

    name: str
    suffix: str
    titles: tuple[str, ...]


PROJECTS = (
    DemoProject(
        "shop",
        "ts",
        (
            "Migrate the orders to Postgres 17",
            "Refactor the payment gateway",
            "Fix flaky checkout tests",
            "Spike: event sourcing for the cart",
            "Why is the product page slow on phones?",
            "Add gift cards",
            "[red]Colours[/red] are lost in the [bold]build log[/]",
            "Split the monolith: pricing service",
            "決済ページの日本語化と通貨表示の見直し",
            "Upgrade to Node 24",
            "Cart loses items after login",
            "Nightly stock import runs out of memory",
            "VAT for Norway and Switzerland",
            "Replace moment with Temporal",
            "Search suggestions with typos",
            "Rate limit the public API",
            "Audit log for refunds",
            "Returns portal, first draft",
        ),
    ),
    DemoProject(
        "infra",
        "tf",
        (
            "Move the cluster to ARM nodes",
            "Terraform state is locked again",
            "Alert on certificate expiry",
            "Cut the egress bill in half",
            "Back up volumes to the second region",
            "Rotate every secret older than a year",
            "Postmortem: DNS outage",
            "Replace the ingress controller",
            "Blue/green deploys for the shop",
            "Shrink the base images",
            "Log retention: 30 days hot, 1 year cold",
            "Find out what fills /var",
            "Test the disaster plan",
        ),
    ),
    DemoProject(
        "tinylang",
        "rs",
        (
            "Tail calls in the bytecode VM",
            "Error messages with source spans",
            "A formatter that keeps comments",
            "Generational garbage collector",
            "Pattern matching: exhaustiveness check",
            "Language server: go to definition",
            "Fuzz the parser",
            "Closures capture the wrong loop variable",
            "Benchmarks against three other VMs",
        ),
    ),
    DemoProject(
        "pocket",
        "kt",
        (
            "🚀 Ship the spring release",
            "Offline mode: conflict resolution",
            "Dark theme for the calendar",
            "Crash on rotate in the photo picker",
            "Push notifications arrive twice",
            "Move from RxJava to coroutines",
            "Cold start under one second",
        ),
    ),
    DemoProject(
        "blog",
        "md",
        (
            "Draft: what I learned about SQLite",
            "Dead links since the move",
            "RSS feed shows HTML entities",
            "Image pipeline with AVIF",
            "Comments without JavaScript",
            "Reading time is wrong for code",
        ),
    ),
    DemoProject(
        "legacy-billing",
        "py",
        (
            "Explain the invoice numbering",
            "Characterisation tests before the rewrite",
            "Python 2 leftovers",
            "Export ten years of invoices",
            "What does cron job 14 do?",
        ),
    ),
    DemoProject(
        "dotfiles",
        "lua",
        (
            "One theme for terminal and editor",
            "Startup time of the shell",
            "Git aliases I never use",
            "Sync settings between laptops",
        ),
    ),
    DemoProject(
        "scratch",
        "py",
        (
            "Rename 4,000 scanned photos by date",
            "Plot the electricity bills",
            "Regex for German phone numbers",
            "Convert recipes to markdown",
        ),
    ),
)
"""In Zipf's order; the folder of `legacy-billing` no longer exists, `scratch` has no repository."""

GONE, LOOSE = "legacy-billing", "scratch"
