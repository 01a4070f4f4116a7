"""What the fake PBS prints, in the form that OpenPBS 23.06 was recorded to print."""

from __future__ import annotations

import json
import time
from typing import Any

from book import HOST, OVER, RUNNING, Job, fault, live

STATE_WORDS = {"Q": 10, "R": 42, "H": 20}


def date(when: float) -> str:
    """``Tue Nov 24 00:20:43 2026``."""
    return time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(when))


def clock(seconds: float) -> str:
    """``HH:MM:SS``."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def job(record: Job) -> dict[str, Any]:
    """One job, or one task, as ``qstat -f`` has it."""
    over, ran = record["state"] == OVER, bool(record["started"])
    letter = "X" if over and record["index"] >= 0 else record["state"]
    used = (record["ended"] or time.time()) - record["started"]
    resources = {"cpupercent": 0, "cput": "00:00:00", "mem": "0kb", "ncpus": record["cpus"], "vmem": "0kb"}
    shown: dict[str, Any] = {"Job_Name": record["name"], "Job_Owner": f"{record['user']}@{HOST}"}
    shown |= {"resources_used": {**resources, "walltime": clock(used)}} if ran else {}
    shown |= {"job_state": letter, "queue": record["queue"], "server": HOST, "ctime": date(record["created"])}
    shown |= {"Output_Path": f"{HOST}:{record['log']}", "qtime": date(record["created"])}
    shown |= {"Rerunable": "True" if record["rerun"] else "False"}
    asked = {"ncpus": record["cpus"], "nodect": 1, "select": record["select"], "walltime": clock(record["walltime"])}
    shown |= {"Resource_List": asked}
    shown |= {"stime": date(record["started"])} if ran else {}
    shown |= {"substate": record["substate"] if over else STATE_WORDS[record["state"]]}
    shown |= {"Variable_List": {"PBS_O_WORKDIR": record["folder"], "PBS_O_HOST": HOST}, "euser": record["user"]}
    shown |= {"comment": record["comment"]} if record["comment"] else {}
    shown |= {"run_count": record["runs"]} if ran else {}
    shown |= {"Exit_status": record["exit"]} if over and ran else {}
    return shown


def array(records: list[Job]) -> dict[str, Any]:
    """An array as a whole, beside its tasks."""
    shown = job(records[0])
    begun = any(record["started"] for record in records)
    for name in ("resources_used", "run_count", "Exit_status"):
        shown.pop(name, None)
    shown["job_state"] = ("B" if begun else "Q") if live(records) else "F"
    shown["substate"] = (70 if begun else 10) if live(records) else max(record["substate"] for record in records)
    return {**shown, "array": "True", "array_indices_submitted": f"0-{len(records) - 1}"}


def as_json(jobs: dict[str, dict[str, Any]]) -> str:
    """``-f -F json``; the fault `unescaped` spoils the environment as old releases do."""
    head: dict[str, Any] = {"timestamp": int(time.time()), "pbs_version": "23.06.06", "pbs_server": HOST}
    text = json.dumps({**head, "Jobs": jobs} if jobs else head, indent="\t", separators=(",", ":\t")) + "\n"
    if fault("unescaped"):
        text = text.replace('"PBS_O_HOST":\t"fake"', '"PROMPT":\t"say "hi"\n\\x",\n\t\t\t\t"PBS_O_HOST":\t"fake"')
    return text


def as_text(jobs: dict[str, dict[str, Any]]) -> str:
    """``-f``: an attribute a line, folded with a tab."""
    return "".join(f"Job Id: {name}\n{_lines(attributes)}\n" for name, attributes in jobs.items())


def _lines(attributes: dict[str, Any]) -> str:
    lines = []
    for name, value in attributes.items():
        if name == "Variable_List":
            lines.append(f"{name} = " + ",\n\t".join(f"{key}={inner}" for key, inner in value.items()))
        elif isinstance(value, dict):
            lines += [f"{name}.{part} = {inner}" for part, inner in value.items()]
        else:
            lines.append(f"{name} = {value}")
    return "".join(f"    {line}\n" for line in lines)


def as_table(jobs: dict[str, dict[str, Any]]) -> str:
    """The short form."""
    head = "Job id            Name             User              Time Use S Queue\n"
    rule = "----------------  ---------------- ----------------  -------- - -----\n"
    rows = [
        f"{name:<17} {one['Job_Name']:<16} {one['euser']:<16} {'00:00:00':>9} {one['job_state']} {one['queue']:<16}\n"
        for name, one in jobs.items()
    ]
    return head + rule + "".join(rows) if rows else ""


__all__ = ["RUNNING", "array", "as_json", "as_table", "as_text", "clock", "date", "job"]
