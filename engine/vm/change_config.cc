#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/change_actions.h"

namespace lodge {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view one) {
    return std::find(list.begin(), list.end(), one) != list.end();
}

std::pair<std::string, std::string> key_and_value(const std::string& text) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos)
        fail(Exit::failed, "a step of this plan sets '{}', which is not key=value",
             printable(text));
    return {text.substr(0, equals), text.substr(equals + 1)};
}

void settle_key(Config& config, const std::string& key) {
    config.pending.erase(key);
    std::vector<std::string> deletes = config.pending_deletes();
    if (std::erase(deletes, key) > 0) config.set_pending_deletes(deletes);
}

Edit edit_of(const Values& on) {
    return {on.list("set"),    on.list("delete"),    on.list("pending"), on.list("pending-delete"),
            on.list("settle"), on.text("digest", "")};
}

const Schema& schema_of(std::string_view folder) {
    return folder == "lxc" ? container_schema() : vm_schema();
}

}  // namespace

bool Edit::empty() const {
    return set.empty() && erase.empty() && pending.empty() && pending_erase.empty() &&
           settle.empty();
}

Action config_set_action(int id, std::string_view folder, const Edit& edit) {
    Values on = {{"guest", id}, {"folder", folder}};
    const auto put = [&](const char* name, const std::vector<std::string>& list) {
        if (!list.empty()) on.set({name, list});
    };
    put("set", edit.set);
    put("delete", edit.erase);
    put("pending", edit.pending);
    put("pending-delete", edit.pending_erase);
    put("settle", edit.settle);
    if (!edit.digest.empty()) on.set({"digest", edit.digest});
    return {"config-set", std::move(on)};
}

Action config_unset_action(int id, std::string_view folder, const Edit& edit,
                           const Config& config) {
    Edit back;
    const std::vector<std::string> deletes = config.pending_deletes();
    const auto current_back = [&](const std::string& key) {
        if (const auto old = config.current.get(key))
            back.set.push_back(key + "=" + *old);
        else
            back.erase.push_back(key);
    };
    const auto pending_back = [&](const std::string& key) {
        if (const auto old = config.pending.get(key))
            back.pending.push_back(key + "=" + *old);
        else if (contains(deletes, key))
            back.pending_erase.push_back(key);
        else
            back.settle.push_back(key);
    };
    for (const std::string& one : edit.set)
        current_back(key_and_value(one).first);
    for (const std::string& key : edit.erase)
        current_back(key);
    for (const std::string& one : edit.pending)
        pending_back(key_and_value(one).first);
    for (const auto* list : {&edit.pending_erase, &edit.settle})
        for (const std::string& key : *list)
            pending_back(key);
    return config_set_action(id, folder, back);
}

void add_config_step(Plan& plan, std::string why, int id, std::string_view folder, const Edit& edit,
                     const Config& config) {
    plan.step(std::move(why), config_set_action(id, folder, edit),
              config_unset_action(id, folder, edit, config));
}

void apply_edit(Config& config, const Edit& edit) {
    for (const std::string& key : edit.erase)
        config.current.erase(key);
    for (const std::string& one : edit.set) {
        const auto [key, value] = key_and_value(one);
        config.current.set(key, value);
    }
    for (const std::string& key : edit.settle)
        settle_key(config, key);
    for (const std::string& one : edit.pending) {
        const auto [key, value] = key_and_value(one);
        settle_key(config, key);
        config.pending.set(key, value);
    }
    for (const std::string& key : edit.pending_erase) {
        settle_key(config, key);
        std::vector<std::string> deletes = config.pending_deletes();
        deletes.push_back(key);
        config.set_pending_deletes(deletes);
    }
}

bool has_pending(const Config& config) {
    return !config.pending.entries().empty() || config.pending.get("description").has_value();
}

bool is_disk_key(std::string_view key) {
    if (key == "efidisk0" || key == "tpmstate0") return true;
    for (const std::string_view stem : {"ide", "sata", "scsi", "virtio"}) {
        if (!key.starts_with(stem)) continue;
        if (parse_integer(key.substr(stem.size()))) return true;
    }
    return false;
}

bool is_mount_key(std::string_view key) {
    return key == "rootfs" || (key.starts_with("mp") && parse_integer(key.substr(2)));
}

std::string volume_of(std::string_view value) {
    for (const std::string& part : split(value, ',')) {
        std::string_view text = trim(part);
        if (text.starts_with("file="))
            text.remove_prefix(5);
        else if (text.starts_with("volume="))
            text.remove_prefix(7);
        else if (text.find('=') != std::string_view::npos)
            continue;
        return text == "none" || text == "cdrom" ? "" : std::string(text);
    }
    return "";
}

bool is_cdrom_value(std::string_view key, std::string_view value) {
    if (key == "efidisk0" || key == "tpmstate0") return false;
    for (const std::string& part : split(value, ','))
        if (trim(part) == "media=cdrom") return true;
    const std::string_view first = value.substr(0, value.find(','));
    return first == "none" || first == "cdrom" || first == "file=none" || first == "file=cdrom";
}

std::string free_unused_key(const Config& config) {
    for (int number = 0; number < 256; ++number) {
        std::string key = "unused" + std::to_string(number);
        if (!config.current.has(key)) return key;
    }
    fail(Exit::refused, "{} has 256 unused volumes already; remove some first", config.file());
}

std::string keep_as_unused(Config& config, const std::string& volume) {
    if (volume.empty() || volume.front() == '/' || volume.find(':') == std::string::npos) return "";
    for (const auto& [key, value] : config.current.entries())
        if ((is_disk_key(key) || is_mount_key(key) || key.starts_with("unused")) &&
            volume_of(value) == volume)
            return "";
    std::string key = free_unused_key(config);
    config.current.set(key, volume);
    return key;
}

void apply_pending(Config& config) {
    std::vector<std::string> left_over;
    const auto leaves = [&](const std::string& key) {
        const auto old = config.current.get(key);
        if (old && (is_mount_key(key) || (is_disk_key(key) && !is_cdrom_value(key, *old))))
            left_over.push_back(volume_of(*old));
    };
    for (const std::string& key : config.pending_deletes()) {
        leaves(key);
        config.current.erase(key);
    }
    config.set_pending_deletes({});
    const auto waiting = config.pending.entries();
    for (const auto& [key, value] : waiting) {
        leaves(key);
        config.current.set(key, value);
        config.pending.erase(key);
    }
    if (const auto words = config.pending.get("description")) {
        config.current.set_description(*words);
        config.pending.erase("description");
    }
    for (const std::string& volume : left_over)
        keep_as_unused(config, volume);
}

Action apply_pending_action(int id, std::string_view folder) {
    return {"config-apply-pending", {{"guest", id}, {"folder", folder}}};
}

// The verbs.

void run_config_set(Work& work, const Values& on) {
    const std::string& folder = on.text("folder");
    const Edit edit = edit_of(on);
    work.engine().store.change(
        folder, static_cast<int>(on.integer("guest")), schema_of(folder),
        [&](Config& config) { apply_edit(config, edit); }, edit.digest);
}

namespace {

std::string as_line(const std::string& one) {
    const auto [key, value] = key_and_value(one);
    if (key != "description") return key + ": " + value;
    std::vector<std::string> lines = split(value, '\n');
    for (std::string& line : lines)
        line = "#" + line;
    return join(lines, "\\\n");
}

}  // namespace

// The current section as lines of the file, what waits in words of Lodge's own.
std::string shell_config_set(const Values& on) {
    const Edit edit = edit_of(on);
    const std::string& guest = on.text("guest");
    std::vector<std::string> lines, words = {"sed", "-i"}, keys = edit.erase;
    for (const std::string& one : edit.set) {
        words.emplace_back("-e");
        words.push_back("1i" + as_line(one));
        keys.push_back(key_and_value(one).first);
    }
    for (const std::string& key : keys) {
        words.emplace_back("-e");
        words.push_back(key == "description" ? "1,/^\\[/{/^#/d}" : "1,/^\\[/{/^" + key + ": /d}");
    }
    if (words.size() > 2) {
        words.push_back(fmt::format("{}/{}.conf", on.text("folder"), guest));
        lines.push_back(shell_line(words));
    }
    std::vector<std::string> later = {"lodge", "set", guest, "--next-start"};
    later.insert(later.end(), edit.pending.begin(), edit.pending.end());
    for (const std::string& key : edit.pending_erase) {
        later.emplace_back("--delete");
        later.push_back(key);
    }
    if (later.size() > 4) lines.push_back(shell_line(later));
    if (!edit.settle.empty()) {
        std::vector<std::string> revert = {"lodge", "guest", "revert", guest};
        revert.insert(revert.end(), edit.settle.begin(), edit.settle.end());
        lines.push_back(shell_line(revert));
    }
    return lines.empty() ? ":" : join(lines, "\n");
}

void run_apply_pending(Work& work, const Values& on) {
    const auto id = static_cast<int>(on.integer("guest"));
    const std::string& folder = on.text("folder");
    work.engine().store.change(folder, id, schema_of(folder), [](Config& config) {
        if (has_pending(config)) apply_pending(config);
    });
}

std::string shell_apply_pending(const Values& on) {
    return fmt::format("# in {}/{}.conf the lines of [{}] take the place of those above",
                       on.text("folder"), on.text("guest"),
                       schema_of(on.text("folder")).pending_section);
}

}  // namespace lodge
