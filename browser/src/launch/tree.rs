//! The processes of a browser: it leads a process group of its own, and children that left the group are found as
//! descendants.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// All processes of the group of `leader`, and all its descendants, the leader included. Empty where there is no `/proc`.
pub(super) fn processes(leader: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let all: Vec<(u32, u32, u32)> = entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name before it, in brackets, may hold anything.
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            let (state, parent, group) = (
                fields.next()?,
                fields.next()?.parse().ok()?,
                fields.next()?.parse().ok()?,
            );
            (state != "Z").then_some((pid, parent, group))
        })
        .collect();
    let mut found: Vec<u32> = all
        .iter()
        .filter(|(pid, _, group)| *pid == leader || *group == leader)
        .map(|(pid, ..)| *pid)
        .collect();
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        for (pid, ..) in all.iter().filter(|(_, of, _)| *of == parent) {
            if !found.contains(pid) {
                found.push(*pid);
            }
        }
        next += 1;
    }
    found
}

/// Kills `known` and all that is left of the group. Processes that have ended meanwhile are no matter.
pub(super) fn kill(leader: u32, known: &[u32]) {
    let pid = |raw: u32| i32::try_from(raw).ok().and_then(Pid::from_raw);
    if let Some(group) = pid(leader) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    for process in known.iter().filter_map(|known| pid(*known)) {
        let _ = kill_process(process, Signal::KILL);
    }
}
