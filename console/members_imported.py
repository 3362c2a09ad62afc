"""What an import of members did, or would do, told on the screen."""

from console.output import in_words, print_table, say
from members.import_report import FileReport
from members.import_trial import Trial
from members.importing import MembersImported


def tell_import(done: MembersImported, *, dry_run: bool) -> None:
    """Print the counts, what the file was worth, and for a dry run what would change."""
    if done.already:
        say("This file is in already; nothing was changed.")
        return
    if dry_run:
        say("A dry run: nothing was kept.")
    say(
        "{new} new, {changed} changed, {unchanged} as before; {refused} rows refused, {unusable} addresses unusable.",
        new=done.new,
        changed=done.changed,
        unchanged=done.unchanged,
        refused=done.refused,
        unusable=done.unusable_addresses,
    )
    if done.consents:
        say("{consents} consents recorded.", consents=done.consents)
    if done.shared_identifiers:
        say("{count} unionids or cards are another member's too.", count=done.shared_identifiers)
    if done.unused_columns:
        say("Columns not used: {columns}. A map file can name them.", columns=", ".join(done.unused_columns))
    _tell_worth(done.report)
    if done.trial is not None:
        _tell_trial(done.trial)


def _tell_worth(report: FileReport) -> None:
    rows: list[tuple[object, object]] = [
        (in_words("rows read"), report.rows),
        (in_words("rows with something brought to its one spelling"), report.cleaned),
        (in_words("rows refused"), report.refused),
        *((f"{in_words('addresses unusable')}: {reason}", count) for reason, count in report.unusable.items()),
        (in_words("mailboxes that look misspelt"), report.misspelt),
        *((f"{in_words('told twice')}: {field}", count) for field, count in report.repeated.items() if count),
    ]
    print_table("What the file was worth", ("", "count"), [row for row in rows if row[1]])
    say(
        "Rows that could not be used whole: {before:.2%} as written, {after:.2%} after cleaning.",
        before=report.share_before,
        after=report.share_after,
    )


def _tell_trial(trial: Trial) -> None:
    rows = [
        (sample.line, sample.key, in_words("new" if sample.new else "changed"), field, before, after)
        for sample in trial.samples
        for field, (before, after) in sample.fields.items()
    ]
    if rows:
        print_table("What would change", ("line", "member", "", "field", "before", "after"), rows)
    if trial.would_merge:
        say("{count} members share an address or identifier with another member:", count=trial.would_merge)
        alike = [(one.key, one.other_key, one.matched_by) for one in trial.likenesses]
        print_table("Probably one person", ("member", "other member", "matched by"), alike)
