"""What is changed in the copies of PostgreSQL's tests before they run: (file, the only place of this text, new text)."""

CHANGES = [
    # Upstream runs it no longer, for its own instability under load; what it does with our backup is stable.
    ("src/test/recovery/t/031_recovery_conflict.pl", 'plan skip_all => "disabled due to instability";\n', ""),
    # Archives histories alone, by a script that copies. Ours in its place.
    ("src/test/recovery/t/025_stuck_on_old_timeline.pl",
     """archive_command = '"$perlbin" "$FindBin::RealBin/cp_history_files" "%p" "$archivedir_primary/%f"'""",
     """archive_command = 'case %f in (*.history) @{[ $node_primary->ssb_noted("wal push %p", "push %f") ]};; esac'"""),
    # A server that goes back to before WAL that is archived archives into the same repository only after a full backup
    # of it has said that this is meant (SSB-1405). cp asks nobody.
    ("src/test/recovery/t/028_pitr_timelines.pl",
     """$node_pitr->safe_psql('postgres', "INSERT INTO foo VALUES(3);");""",
     """$node_pitr->backup('accepted');\n$node_pitr->safe_psql('postgres', "INSERT INTO foo VALUES(3);");"""),
    # By the archive, where the test as it is streams.
    ("src/test/recovery/t/026_overwrite_contrecord.pl", "init(allows_streaming => 1);",
     "init(allows_streaming => 1, has_archiving => 1);"),
    ("src/test/recovery/t/026_overwrite_contrecord.pl", "init_from_backup($node, 'backup', has_streaming => 1);",
     "init_from_backup($node, 'backup', has_restoring => 1);"),
    ("src/test/recovery/t/026_overwrite_contrecord.pl", """"SELECT pg_current_wal_lsn()");""",
     """"SELECT pg_current_wal_lsn()");\n$node->safe_psql('postgres', 'SELECT pg_switch_wal()');"""),
    # All that the regression tests write goes through `wal push`, and through `wal get` for as long as it lags behind.
    ("src/test/recovery/t/027_stream_regress.pl", "init(allows_streaming => 1);",
     "init(allows_streaming => 1, has_archiving => 1);"),
    ("src/test/recovery/t/027_stream_regress.pl", "\thas_streaming => 1);",
     "\thas_streaming => 1, has_restoring => 1);"),
]


def apply(root):
    for name, old, new in CHANGES:
        path = root / name
        text = path.read_text()
        if text.count(old) != 1:
            raise SystemExit(f"error: {name} has this text {text.count(old)} times and not once: {old!r}\n"
                             "hint: PostgreSQL has changed its test; change tests/peers/changes.py with it")
        path.write_text(text.replace(old, new))
