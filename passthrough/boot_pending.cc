#include "passthrough/boot_pending.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/trial_record.h"
#include "engine/units.h"
#include "passthrough/boot_text.h"

namespace lodge {
namespace {

using nlohmann::json;

constexpr BootPhase phases[] = {BootPhase::writing, BootPhase::prepared, BootPhase::trying,
                                BootPhase::kept, BootPhase::stuck};

std::string folder(const Host& host) {
    return host.state_folder() + "/boot";
}

std::string path_of(const Host& host, int number) {
    return fmt::format("{}/{}.json", folder(host), number);
}

void store(const Host& host, const BootRecord& record) {
    host.make_folder(folder(host), 0750);
    host.write(path_of(host, record.number), print_boot(record), 0640);
}

std::optional<BootRecord> load(const Host& host, int number) {
    const auto text = host.read(path_of(host, number));
    if (!text) return std::nullopt;
    return parse_boot(*text);
}

FileLock lock(const Host& host) {
    host.make_folder(folder(host), 0750);
    return FileLock(folder(host) + "/lock",
                    "another Lodge is at work on what this machine is "
                    "started with; try again",
                    std::chrono::seconds(30));
}

}  // namespace

std::string_view boot_phase_word(BootPhase phase) {
    switch (phase) {
        case BootPhase::writing:
            return "being written";
        case BootPhase::prepared:
            return "waits for a restart";
        case BootPhase::trying:
            return "being tried";
        case BootPhase::kept:
            return "kept";
        case BootPhase::stuck:
            break;
    }
    return "stuck";
}

std::string print_boot(const BootRecord& record) {
    const json value = {{"version", 1},
                        {"number", record.number},
                        {"title", record.title},
                        {"phase", boot_phase_word(record.phase)},
                        {"boot", record.boot},
                        {"tried", record.tried},
                        {"words", record.words},
                        {"trouble", record.trouble},
                        {"plan", plan_to_json(record.plan)}};
    return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

BootRecord parse_boot(std::string_view text) {
    try {
        const json value = json::parse(text);
        BootRecord record;
        if (value.at("version").get<int>() != 1)
            fail(Exit::failed, "this was written by another version of Lodge");
        record.number = value.at("number").get<int>();
        record.title = value.at("title").get<std::string>();
        const auto word = value.at("phase").get<std::string>();
        const auto phase = std::find_if(std::begin(phases), std::end(phases), [&](BootPhase one) {
            return boot_phase_word(one) == word;
        });
        if (phase == std::end(phases))
            fail(Exit::failed, "Lodge did not write this: its phase is '{}'", printable(word));
        record.phase = *phase;
        record.boot = value.at("boot").get<std::string>();
        record.tried = value.at("tried").get<std::string>();
        record.words = value.at("words").get<std::vector<std::string>>();
        record.trouble = value.at("trouble").get<std::string>();
        record.plan = plan_from_json(value.at("plan").get<std::string>());
        return record;
    } catch (const json::exception& trouble) {
        fail(Exit::failed, "Lodge did not write this: {}", trouble.what());
    }
}

std::vector<BootRecord> boot_records(const Host& host) {
    std::vector<BootRecord> records;
    for (const std::string& name : host.list(folder(host))) {
        if (!name.ends_with(".json")) continue;
        const auto number = parse_integer(std::string_view(name).substr(0, name.size() - 5));
        if (!number || *number < 1 || *number > 1 << 30) continue;
        try {
            if (auto record = load(host, static_cast<int>(*number)))
                records.push_back(std::move(*record));
        } catch (const Error&) {
            continue;  // none of ours
        }
    }
    std::sort(records.begin(), records.end(),
              [](const BootRecord& a, const BootRecord& b) { return a.number < b.number; });
    return records;
}

std::optional<BootRecord> pending_boot(const Host& host) {
    for (BootRecord& record : boot_records(host))
        if (record.phase != BootPhase::kept) return std::move(record);
    return std::nullopt;
}

namespace {

Values file_values(const BootFile& file) {
    Values on{{"path", file.path}, {"content", file.after}};
    if (file.before) on.set({"before", *file.before});
    return on;
}

Action rebuild_action(const std::vector<std::string>& argv, bool back) {
    Values on;
    on.set({"argv", argv});
    if (back) on.set({"back", true});
    return {"boot-rebuild", std::move(on)};
}

Action phase_action(int number, BootPhase phase) {
    return {"boot-phase", {{"number", number}, {"phase", boot_phase_word(phase)}}};
}

int next_number(const Host& host) {
    const auto records = boot_records(host);
    return records.empty() ? 1 : records.back().number + 1;
}

}  // namespace

Plan boot_plan(const Host& host, BootRecord record, const std::vector<BootFile>& files,
               const std::vector<std::vector<std::string>>& rebuild) {
    if (const auto pending = pending_boot(host))
        fail(
            Exit::refused,
            "cannot prepare more: {} {}; lodge boot confirm keeps it once it was tried, lodge boot "
            "revert takes it back",
            pending->title, boot_phase_word(pending->phase));
    record.number = next_number(host);
    Plan steps;
    // Undone in reverse: the files first, and then what is made from them.
    for (const auto& argv : rebuild)
        steps.step("(on the way back: make anew what is made of these files)",
                   rebuild_action(argv, true), rebuild_action(argv, false));
    for (const BootFile& file : files) {
        Values on = file_values(file);
        on.set({"number", record.number});
        steps.step((file.before ? "change " : "make ") + file.path, {"boot-write", std::move(on)},
                   Action{"boot-restore", file_values(file)});
    }
    record.plan = steps;
    Plan plan;
    plan.title = record.title;
    plan.step("the way back is written down first",
              {"boot-record", {{"number", record.number}, {"record", print_boot(record)}}},
              Action{"boot-phase", {{"number", record.number}, {"phase", "gone"}}});
    plan.append(std::move(steps));
    for (const auto& argv : rebuild)
        plan.step("make anew what is made of these files", rebuild_action(argv, false));
    plan.step("it waits for a restart", phase_action(record.number, BootPhase::prepared));
    plan.afterwards = fmt::format(
        "{}: from the next restart on, on trial. Restart this machine, look whether all is well, "
        "and say lodge boot confirm; without that the restart after it takes it back. lodge boot "
        "revert takes it back now",
        record.title);
    return plan;
}

Plan confirm_boot_plan(const Host& host) {
    const auto pending = pending_boot(host);
    if (!pending)
        fail(Exit::not_found, "nothing that was prepared for the start waits for an answer");
    if (pending->phase != BootPhase::trying)
        fail(Exit::refused, "cannot keep what was prepared ({}): it {}", pending->title,
             pending->phase == BootPhase::prepared
                 ? "was not tried yet; restart this machine first"
                 : "is " + std::string(boot_phase_word(pending->phase)));
    Plan plan;
    plan.title = "keep: " + pending->title;
    plan.step("it is no trial any more", phase_action(pending->number, BootPhase::kept),
              phase_action(pending->number, BootPhase::trying));
    plan.afterwards = pending->title + ": kept. lodge boot revert takes it back later";
    return plan;
}

Plan revert_boot_plan(const Host& host) {
    const auto records = boot_records(host);
    if (records.empty())
        fail(Exit::not_found, "Lodge has changed nothing of what this machine is started with");
    const BootRecord& last = records.back();
    Plan plan;
    plan.title = "take back: " + last.title;
    for (size_t i = last.plan.steps.size(); i-- > 0;)
        if (const auto& undo = last.plan.steps[i].undo)
            plan.step(undo->verb == "boot-restore" ? "as it was: " + undo->on.text("path")
                                                   : "make anew what is made of these files",
                      *undo);
    plan.step("it is taken back", {"boot-phase", {{"number", last.number}, {"phase", "gone"}}});
    plan.no_way_back_from(0);
    plan.afterwards = last.title + ": taken back, from the next restart on";
    return plan;
}

std::vector<std::string> recover_boot(Engine& engine) {
    const Host& host = engine.host;
    const FileLock held = lock(host);
    auto record = pending_boot(host);
    const std::string boot = trials::boot_id(host);
    if (!record || record->phase == BootPhase::stuck) return {};
    if (record->phase == BootPhase::prepared && record->boot != boot) {
        record->phase = BootPhase::trying;
        record->tried = boot;
        store(host, *record);
        return {
            fmt::format("this start tries: {}. lodge boot confirm keeps it; without that the "
                        "next restart takes it back",
                        record->title)};
    }
    const bool broken = record->phase == BootPhase::writing && record->boot != boot;
    const bool unanswered = record->phase == BootPhase::trying && record->tried != boot;
    if (!broken && !unanswered) return {};
    trials::Alone work(engine);
    std::string left;
    for (size_t i = record->plan.steps.size(); i-- > 0;) {
        const auto& undo = record->plan.steps[i].undo;
        if (!undo) continue;
        try {
            engine.actions.find(undo->verb).run(work, undo->on);
        } catch (const std::exception& trouble) {
            left += fmt::format("\nnot undone: {}", trouble.what());
        }
    }
    if (!left.empty()) {
        record->phase = BootPhase::stuck;
        record->trouble = trim(left);
        store(host, *record);
        return {record->title + " could not be taken back whole" + left};
    }
    host.remove(path_of(host, record->number));
    return {fmt::format(
        "{}: taken back, as {}; this start still has it, the next has not", record->title,
        broken ? "its writing broke off" : "nobody confirmed it since it was tried")};
}

namespace {

std::optional<std::string> before_of(const Values& on) {
    return on.get("before");
}

// A copy beside the record, whatever becomes of the record.
void keep_copy(const Host& host, const Values& on) {
    if (!on.has("before")) return;
    std::string name = on.text("path");
    std::replace(name.begin(), name.end(), '/', '_');
    const std::string backup = fmt::format("{}/before-{}", folder(host), on.text("number"));
    host.make_folder(backup, 0750);
    host.write(backup + "/" + name, on.text("before"), 0600);
}

void run_write(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& path = on.text("path");
    if (host.read(path) != before_of(on))
        fail(Exit::refused, "{} was changed meanwhile; look at the plan again", path);
    keep_copy(host, on);
    host.make_folder(path.substr(0, path.rfind('/')));
    host.write(path, on.text("content"));
}

void run_restore(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& path = on.text("path");
    const auto before = before_of(on), now = host.read(path);
    if (now == before) return;
    if (now && now != on.get("content"))
        fail(Exit::refused,
             "{} was changed by somebody else since, and is left alone; what it was before lies in "
             "{}",
             path, folder(host));
    if (before)
        host.write(path, *before);
    else
        host.remove(path);
}

void run_rebuild(Work& work, const Values& on) {
    if (on.flag("back")) return;
    Values program;
    program.set({"argv", on.list("argv")});
    program.set({"limit", 1800});
    work.engine().actions.find("run").run(work, program);
}

void run_record(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock held = lock(host);
    BootRecord record = parse_boot(on.text("record"));
    if (host.exists(path_of(host, record.number)) || pending_boot(host))
        fail(Exit::busy, "another change of what this machine is started with was begun meanwhile");
    record.phase = BootPhase::writing;
    record.boot = trials::boot_id(host);
    store(host, record);
}

void run_phase(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock held = lock(host);
    const int number = static_cast<int>(on.integer("number"));
    if (on.text("phase") == "gone") return host.remove(path_of(host, number));
    auto record = load(host, number);
    if (!record) fail(Exit::not_found, "what was prepared is gone meanwhile");
    for (const BootPhase phase : phases)
        if (boot_phase_word(phase) == on.text("phase")) record->phase = phase;
    store(host, *record);
}

std::string write_shell(const Values& on) {
    return fmt::format("patch -p0 <<'END'\n{}END",
                       text_diff(on.text("path"), on.text("before", ""), on.text("content")));
}

std::string restore_shell(const Values& on) {
    return fmt::format("patch -p0 <<'END'\n{}END",
                       text_diff(on.text("path"), on.text("content"), on.text("before", "")));
}

std::string rebuild_shell(const Values& on) {
    return (on.flag("back") ? "# " : "") + shell_line(on.list("argv"));
}

std::string record_shell(const Values&) {
    return "# a record in the state folder, by which lodge boot revert and the next restarts find "
           "the way back";
}

std::string phase_shell(const Values& on) {
    return fmt::format("# the record says: {}", on.text("phase"));
}

constexpr ActionKind kinds[] = {
    {"boot-write", run_write, write_shell},       {"boot-restore", run_restore, restore_shell},
    {"boot-rebuild", run_rebuild, rebuild_shell}, {"boot-record", run_record, record_shell},
    {"boot-phase", run_phase, phase_shell},
};

}  // namespace

std::span<const ActionKind> boot_actions() {
    return kinds;
}

}  // namespace lodge
