#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/fd.h"
#include "engine/process.h"
#include "engine/storage/image.h"
#include "engine/storage/lvm_thin.h"
#include "engine/storage/volume_files.h"
#include "engine/units.h"

// The verbs that make, change and remove disk images.

namespace lodge {

bool is_named_by_guest(Engine& engine, int id, const std::string& volume) {
    std::optional<Guest> guest;
    try {
        guest = load_guest(engine, id);
    } catch (const Error& trouble) {
        if (trouble.exit() == Exit::not_found) return false;
        throw;
    }
    if (guest->config.current.get("lock") == "create") return false;
    auto names_it = [&](const Section& section) {
        for (const auto& [key, value] : section.entries())
            for (const std::string& part : split(value, ','))
                if (part == volume || (part.size() > volume.size() && part.ends_with(volume) &&
                                       part[part.size() - volume.size() - 1] == '='))
                    return true;
        return false;
    };
    if (names_it(guest->config.current) || names_it(guest->config.pending)) return true;
    for (const auto& [name, section] : guest->config.snapshots())
        if (names_it(section)) return true;
    return false;
}

namespace {

void remove_image(Work& work, const Values& on) {
    const std::string& path = on.text("path");
    set_immutable(path, false);
    work.engine().host.remove(path);
    remove_empty_parent(path);
}
std::string remove_image_shell(const Values& on) {
    return shell_line({"rm", "-f", on.text("path")});
}

void drop(Work& work, const Values& on) {
    if (is_named_by_guest(work.engine(), static_cast<int>(on.integer("guest")),
                          on.text("volume"))) {
        work.say("kept " + on.text("volume") + ": the guest's configuration names it");
        return;
    }
    remove_image(work, on);
}

// Runs qemu-img to its end, with its progress told. A full disk gets words of its own.
void run_image_program(Work& work, std::vector<std::string> words, const std::string& path,
                       const std::string& what) {
    Program program;
    program.argv = {work.engine().host.need_program("qemu-img")};
    for (std::string& word : words)
        program.argv.push_back(std::move(word));
    program.environment = {{"LC_ALL", "C"}};
    auto on_line = [&](std::string_view line) {
        // qemu-img -p writes "    (12.34/100%)" and a carriage return.
        line = trim(line);
        if (line.size() > 7 && line.front() == '(' && line.ends_with("/100%)")) {
            if (const auto part = parse_number(line.substr(1, line.size() - 7)))
                work.progress(static_cast<int64_t>(*part), 100, "%");
        }
    };
    const Outcome outcome =
        run_program(program, std::chrono::hours(24 * 7), on_line, [&] { return work.going(); });
    if (outcome.status == 0) return;
    work.check();
    if (outcome.trouble.find("No space left on device") != std::string::npos)
        throw Error(Exit::missing, words_of_full(path, what));
    std::string trouble = printable(trim(outcome.trouble));
    if (outcome.timed_out) trouble = "it took more than a week";
    if (trouble.empty()) trouble = fmt::format("qemu-img ended with {}", outcome.status);
    fail(Exit::failed, "cannot {}: {}", what, trouble);
}

std::vector<std::string> create_words(const Values& on) {
    std::vector<std::string> words = {"create", "-q", "-f", on.text("format")};
    if (on.has("preallocation")) {
        words.push_back("-o");
        words.push_back("preallocation=" + on.text("preallocation"));
    }
    if (on.has("backing")) {
        for (const std::string& word :
             {std::string("-F"), on.text("backing-format"), std::string("-b"), on.text("backing")})
            words.push_back(word);
    }
    words.push_back(on.text("path"));
    if (on.has("bytes")) words.push_back(on.text("bytes"));
    return words;
}
void create_image(Work& work, const Values& on) {
    const std::string what = "make the disk " + printable(on.text("path"));
    run_image_program(work, create_words(on), on.text("path"), what);
    sync_file(on.text("path"), what);
}
std::string create_image_shell(const Values& on) {
    std::vector<std::string> words = create_words(on);
    words.insert(words.begin(), "qemu-img");
    return shell_line(words);
}

ImageSource source_of(const Values& on) {
    return {on.text("source"), on.text("source-format"), on.integer("offset", 0),
            on.integer("length", 0)};
}

std::vector<std::string> convert_words(const Values& on) {
    const ImageSource source = source_of(on);
    std::vector<std::string> words = {"convert", "-p"};
    // A new logical volume is there already, and reads zero.
    if (on.has("target")) words.push_back("-n");
    if (on.text("target", "") == "blank") words.push_back("--target-is-zero");
    bool with_format = false;
    const std::string image = image_words(source, on.flag("foreign"), with_format);
    if (with_format) {
        words.push_back("-f");
        words.push_back(source.format);
    }
    if (on.has("snapshot")) {
        words.push_back("-U");
        words.push_back("-l");
        words.push_back("snapshot.name=" + on.text("snapshot"));
    }
    for (const std::string& word : {std::string("-O"), on.text("format"), image, on.text("path")})
        words.push_back(word);
    return words;
}
void convert_image(Work& work, const Values& on) {
    const std::string& source = on.text("source");
    const std::string what =
        fmt::format("copy {} to {}", printable(source), printable(on.text("path")));
    if (on.flag("foreign")) check_foreign_image(work.engine().host, source_of(on));
    run_image_program(work, convert_words(on), on.text("path"), what);
    sync_file(on.text("path"), what);
}
std::string convert_image_shell(const Values& on) {
    std::vector<std::string> words = convert_words(on);
    words.insert(words.begin(), "qemu-img");
    return shell_line(words);
}

std::vector<std::string> resize_words(const Values& on) {
    std::vector<std::string> words = {"resize", "-q", "-f", on.text("format")};
    if (on.flag("shrink")) words.push_back("--shrink");
    words.push_back(on.text("path"));
    words.push_back(on.text("bytes"));
    return words;
}
void resize_image(Work& work, const Values& on) {
    const std::string what = "resize " + printable(on.text("path"));
    run_image_program(work, resize_words(on), on.text("path"), what);
    sync_file(on.text("path"), what);
}
std::string resize_image_shell(const Values& on) {
    std::vector<std::string> words = resize_words(on);
    words.insert(words.begin(), "qemu-img");
    return shell_line(words);
}

bool has_snapshot(Work& work, const Values& on) {
    const ImageInfo info = image_info(work.engine().host, on.text("path"), "qcow2");
    return std::find(info.snapshots.begin(), info.snapshots.end(), on.text("name")) !=
           info.snapshots.end();
}
void run_snapshot(Work& work, const Values& on, const char* flag, const std::string& what) {
    run_image_program(work, {"snapshot", "-q", flag, on.text("name"), on.text("path")},
                      on.text("path"), what + " of " + printable(on.text("path")));
}
// qemu-img would make a second one of the same name. A step of its own, without an undo: the undo
// of the next must not remove the one that was there.
void expect_no_snapshot(Work& work, const Values& on) {
    if (has_snapshot(work, on))
        fail(Exit::refused, "{} has a snapshot {} already", printable(on.text("path")),
             on.text("name"));
}
std::string expect_no_snapshot_shell(const Values& on) {
    return "! qemu-img snapshot -l " + shell_quote(on.text("path")) + " | grep -qw " +
           shell_quote(on.text("name"));
}
void make_snapshot(Work& work, const Values& on) {
    run_snapshot(work, on, "-c", "make the snapshot " + on.text("name"));
}
void apply_snapshot(Work& work, const Values& on) {
    run_snapshot(work, on, "-a", "go back to the snapshot " + on.text("name"));
}
void delete_snapshot(Work& work, const Values& on) {
    if (has_snapshot(work, on))
        run_snapshot(work, on, "-d", "delete the snapshot " + on.text("name"));
}
template <char Flag>
std::string snapshot_shell(const Values& on) {
    return shell_line(
        {"qemu-img", "snapshot", "-q", std::string("-") + Flag, on.text("name"), on.text("path")});
}

constexpr ActionKind kinds[] = {
    // path volume guest: removes what a broken-off plan made, unless the guest has it by now
    {"volume-drop", drop, remove_image_shell},
    // path
    {"image-remove", remove_image, remove_image_shell},
    // path format [bytes] [preallocation] [backing backing-format]
    {"image-create", create_image, create_image_shell},
    // source source-format path format [offset length] [snapshot] [foreign] [target: device, or
    // blank for one that reads zero]
    {"image-convert", convert_image, convert_image_shell},
    // path format bytes [shrink]
    {"image-resize", resize_image, resize_image_shell},
    // path name (qcow2)
    {"image-no-snapshot", expect_no_snapshot, expect_no_snapshot_shell},
    {"image-snapshot", make_snapshot, snapshot_shell<'c'>},
    {"image-rollback", apply_snapshot, snapshot_shell<'a'>},
    {"image-snapshot-delete", delete_snapshot, snapshot_shell<'d'>},
};

}  // namespace

std::span<const ActionKind> storage_actions() {
    static const std::vector<ActionKind> all = [] {
        std::vector<ActionKind> joined(std::begin(kinds), std::end(kinds));
        for (const auto more : {volume_file_actions(), storage_cfg_actions(), lvm_actions()})
            joined.insert(joined.end(), more.begin(), more.end());
        return joined;
    }();
    return all;
}

}  // namespace lodge
