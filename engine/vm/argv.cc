#include "engine/vm/argv.h"

#include <algorithm>

#include "engine/units.h"
#include "engine/vm/argv_parts.h"
#include "engine/vm/mapping.h"

namespace lodge {
namespace argv {
namespace {

int windows_version(std::string_view ostype) {
    static constexpr std::pair<std::string_view, int> versions[] = {
        {"w2k", 5},  {"wxp", 5},  {"w2k3", 5},   {"w2k8", 6},  {"wvista", 6},
        {"win7", 7}, {"win8", 8}, {"win10", 10}, {"win11", 11}};
    for (const auto& [name, version] : versions)
        if (name == ostype) return version;
    return 0;
}

}  // namespace

Builder::Builder(const Config& config_now, int guest_id, const MachineFacts& machine_facts)
    : config(config_now), id(guest_id), facts(machine_facts) {
    if (config.string_of("arch") == "aarch64")
        fail(Exit::missing, "guest {} wants an aarch64 CPU: Lodge runs x86_64 guests only", id);
    std::string wanted;
    if (const auto parts = config.properties("machine")) wanted = parts->text("type");
    // "+pve1" asks for nothing that stock QEMU could do otherwise; it is no news at each start.
    if (const size_t plus = wanted.find("+pve"); plus != std::string::npos) wanted.resize(plus);
    std::vector<std::string> notes;
    machine = stock_machine(wanted, facts.machines, notes);
    for (const std::string& note : notes)
        warn("machine: {}", note);
    q35 = machine == "q35" || machine.starts_with("pc-q35-");
    if (!q35 && machine != "pc" && !machine.starts_with("pc-i440fx-"))
        fail(Exit::missing, "guest {} wants the machine {}: Lodge runs pc (i440fx) and q35 only",
             id, in_quotes(machine));
    kvm = config.flag("kvm") && facts.kvm;
    if (!kvm && config.flag("kvm")) {
        warn("kvm: software emulation, which is slow: {}",
             facts.kvm_why_not.empty() ? "KVM cannot be used here" : facts.kvm_why_not);
    }
    command.kvm = kvm;
    windows = windows_version(config.string_of("ostype"));
    command.folders = {own_folder()};
    load_boot_order();
}

void Builder::flag(std::string option) {
    entries_.push_back({owner_, std::move(option), nullptr, {}});
}

void Builder::text(std::string option, std::string words) {
    entries_.push_back({owner_, std::move(option), nullptr, std::move(words)});
}

void Builder::add(std::string option, Json value) {
    entries_.push_back({owner_, std::move(option), std::move(value), {}});
}

void Builder::pci_device(std::string_view key, Json device) {
    pci_device_at(place_of(key, q35), std::move(device));
}

void Builder::pci_device_at(const Place& place, Json device) {
    buses_.insert(place.bus);
    device["bus"] = place.bus;
    device["addr"] = place.addr;
    add("-device", std::move(device));
}

std::string Builder::hand_over(Handover handover) {
    handover.number = next_number_++;
    command.handovers.push_back(handover);
    handovers_.emplace_back(owner_, handover);
    return std::to_string(handover.number);
}

std::string Builder::hand_over_file(const std::string& path, bool read_only) {
    if (facts.by_path) return path;
    Handover handover{Handover::Kind::file};
    handover.path = path;
    handover.read_only = read_only;
    const std::string number = hand_over(handover);
    const int set = next_fdset_++;
    text("-add-fd", fmt::format("fd={},set={}", number, set));
    return fmt::format("/dev/fdset/{}", set);
}

void Builder::listening_chardev(const std::string& name, std::string_view more) {
    const std::string path = run_path(name);
    std::string address = "path=" + comma_safe(path);
    if (!facts.by_path) {
        Handover handover{Handover::Kind::listen};
        handover.path = path;
        address = "fd=" + hand_over(handover);
    }
    chardev(fmt::format("socket,id={},{},server=on,wait=off{}", name, address, more));
}

const MachineFacts::Volume& Builder::volume(std::string_view key, const std::string& name) const {
    const auto found = facts.volumes.find(name);
    const auto problem = facts.volume_problems.find(name);
    if (found == facts.volumes.end() && problem != facts.volume_problems.end())
        fail(Exit::not_found, "guest {} cannot start: {}: {}", id, key, problem->second);
    if (found == facts.volumes.end())
        fail(Exit::not_found,
             "guest {} cannot start: {}'s volume {} is not there; attach another with "
             "`lodge guest set {} {}=…` or take the key out",
             id, key, in_quotes(name), id, key);
    return found->second;
}

bool Builder::shared_memory() const {
    return !config.indexed("virtiofs").empty();
}

void Builder::mark_bridges() {
    bridges_at_ = entries_.size();
}

void Builder::finish() {
    const auto bridges = bridge_entries(buses_, config, q35);
    entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(bridges_at_), bridges.begin(),
                    bridges.end());
    command.argv.push_back(facts.qemu);
    for (const Entry& entry : entries_) {
        command.argv.push_back(entry.option);
        if (!entry.value.is_null() || !entry.text.empty())
            command.argv.push_back(value_text(entry));
    }
    for (const std::string& word : command.argv)
        if (word.find('\0') != std::string::npos)
            fail(Exit::usage, "guest {} cannot start: its configuration has a NUL byte near {}", id,
                 in_quotes(word));
}

std::pair<std::string, int> stem_and_number(std::string_view key) {
    const size_t end = key.find_last_not_of("0123456789");
    const size_t digits = end == std::string_view::npos ? 0 : end + 1;
    const auto number = parse_integer(key.substr(digits));
    return {std::string(key.substr(0, digits)), number ? static_cast<int>(*number) : -1};
}

std::string comma_safe(std::string_view value) {
    std::string safe;
    for (const char c : value) {
        safe += c;
        if (c == ',') safe += c;
    }
    return safe;
}

std::string json_text(const Json& json) {
    try {
        return json.dump();
    } catch (const Json::exception& error) {
        fail(Exit::usage, "a value of the configuration is not UTF-8, which QEMU needs: {}",
             error.what());
    }
}

namespace {

std::string scalar_text(const Json& value) {
    if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
    if (value.is_string()) return comma_safe(value.get<std::string>());
    return json_text(value);
}

// A list that QMP takes as [{"str": "…"}] and the command line as a repeated word (hostfwd).
bool is_string_list(const Json& value) {
    return value.is_array() && !value.empty() &&
           std::all_of(value.begin(), value.end(),
                       [](const Json& one) { return one.is_object() && one.contains("str"); });
}

}  // namespace

std::string value_text(const Entry& entry) {
    if (entry.value.is_null()) return entry.text;
    const bool flat = std::all_of(entry.value.begin(), entry.value.end(), [](const Json& value) {
        return value.is_primitive() || is_string_list(value);
    });
    if (!flat || entry.option == "-blockdev") return json_text(entry.value);
    std::string text;
    for (const auto& [key, value] : entry.value.items()) {
        if (is_string_list(value)) {
            for (const Json& one : value)
                text += "," + key + "=" + comma_safe(one["str"].get<std::string>());
        } else if (text.empty()) {
            text = scalar_text(value);  // the driver or type, which stands bare
        } else {
            text += "," + key + "=" + scalar_text(value);
        }
    }
    return text;
}

std::string percent_decoded(std::string_view text) {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto digit = [](char c) {
            return c >= '0' && c <= '9'                 ? c - '0'
                   : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                        : -1;
        };
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
            digit(text[i + 2]) >= 0) {
            plain += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

namespace {

// Words as a POSIX shell would cut them, without any expansion.
std::vector<std::string> shell_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool escapes =
            c == '\\' && i + 1 < text.size() &&
            (quote == 0 || (quote == '"' && (text[i + 1] == '"' || text[i + 1] == '\\')));
        if (escapes) {
            word += text[++i];
            in_word = true;
        } else if (quote != 0) {
            if (c == quote)
                quote = 0;
            else
                word += c;
        } else if (c == '\'' || c == '"') {
            quote = c;
            in_word = true;
        } else if (c == ' ' || c == '\t') {
            if (in_word) words.push_back(std::exchange(word, {}));
            in_word = false;
        } else {
            word += c;
            in_word = true;
        }
    }
    if (quote != 0)
        fail(Exit::usage, "args: a quote is opened and not closed: {}", in_quotes(text));
    if (in_word) words.push_back(word);
    return words;
}

// Words that start a kernel of the person's own touch nothing that Lodge cares for.
bool only_a_kernel(const std::vector<std::string>& words) {
    for (size_t i = 0; i < words.size(); i += 2)
        if (words[i] != "-kernel" && words[i] != "-initrd" && words[i] != "-append") return false;
    return words.size() % 2 == 0;
}

}  // namespace

void add_arguments(Builder& builder) {
    const std::string args = builder.config.string_of("args");
    if (args.empty()) return;
    builder.begin("args");
    std::vector<std::string> words = shell_words(args);
    const bool kernel = only_a_kernel(words);
    for (std::string& word : words)
        builder.flag(std::move(word));
    if (!kernel) builder.warn("args: handed to QEMU as they are, unchecked");
}

namespace {

void build(Builder& builder) {
    add_machine(builder);
    add_cpu(builder);
    add_memory(builder);
    add_firmware(builder);
    add_monitors(builder);
    builder.begin("");
    builder.mark_bridges();
    add_tpm(builder);
    add_memory_devices(builder);
    add_ports(builder);
    add_display(builder);
    add_usb(builder);
    add_disks(builder);
    add_nets(builder);
    add_devices(builder);
    add_passed(builder);
    add_unmet(builder);
    add_arguments(builder);
    builder.begin("");
    builder.command.freeze = builder.config.flag("freeze");
    builder.command.affinity = builder.config.string_of("affinity");
    if (builder.command.freeze || !builder.command.before_run.empty()) builder.flag("-S");
}

struct Way {
    std::string_view option, command, undo_command, id_key, undo_key;
};
constexpr Way kWays[] = {
    {"-object", "object-add", "object-del", "id", "id"},
    {"-blockdev", "blockdev-add", "blockdev-del", "node-name", "node-name"},
    {"-netdev", "netdev_add", "netdev_del", "id", "id"},
    {"-device", "device_add", "device_del", "id", "id"},
};

}  // namespace

namespace {

// "fd=12,set=3": the descriptor goes by add-fd, and the path of its set stands in the commands.
void name_fdset(const std::string& text, VmAttachment& attachment) {
    const size_t comma = text.find(",set=");
    const auto number = parse_integer(std::string_view(text).substr(3, comma - 3));
    for (size_t i = 0; i < attachment.handovers.size(); ++i)
        if (attachment.handovers[i].number == number)
            attachment.names[i] = "/dev/fdset/" + text.substr(comma + 5);
}

}  // namespace

VmAttachment attachment_of(const Builder& builder, std::string_view key) {
    VmAttachment attachment;
    std::vector<std::pair<std::string, std::string>> names;  // number -> getfd name
    for (const auto& [owner, handover] : builder.handovers_) {
        if (owner != key) continue;
        names.emplace_back(std::to_string(handover.number),
                           fmt::format("lodge-{}-{}", key, names.size()));
        attachment.handovers.push_back(handover);
        attachment.names.push_back(names.back().second);
    }
    for (Entry entry : builder.entries_) {
        if (entry.owner != key) continue;
        if (entry.option == "-add-fd") {
            name_fdset(entry.text, attachment);
            continue;
        }
        const auto* way = std::find_if(std::begin(kWays), std::end(kWays),
                                       [&](const Way& one) { return one.option == entry.option; });
        if (way == std::end(kWays) || !entry.value.is_object())
            fail(Exit::refused, "{} of guest {} cannot be attached while it runs: it needs {}", key,
                 builder.id, entry.option);
        for (const char* part : {"fd", "vhostfd"})
            if (entry.value.contains(part))
                for (const auto& [number, name] : names)
                    if (entry.value[part] == number) entry.value[part] = name;
        for (const char* part : {"fds", "vhostfds"})
            if (entry.value.contains(part)) {
                std::vector<std::string> given;
                for (const std::string& one : split(entry.value[part].get<std::string>(), ':'))
                    for (const auto& [number, name] : names)
                        if (one == number) given.push_back(name);
                entry.value[part] = join(given, ":");
            }
        const Json undo = {
            {std::string(way->undo_key), entry.value.value(std::string(way->id_key), "")}};
        attachment.commands.push_back({std::string(way->command), json_text(entry.value),
                                       std::string(way->undo_command), json_text(undo)});
    }
    return attachment;
}

}  // namespace argv

VmCommand vm_command(const Config& config, int id, const MachineFacts& facts) {
    argv::Builder builder(config, id, facts);
    argv::build(builder);
    builder.finish();
    return std::move(builder.command);
}

VmAttachment vm_attachment(const Config& config, int id, const MachineFacts& facts,
                           std::string_view key) {
    argv::Builder builder(config, id, facts);
    argv::build(builder);
    VmAttachment attachment = argv::attachment_of(builder, key);
    if (attachment.commands.empty())
        fail(Exit::refused, "{} of guest {} cannot be attached while it runs", key, id);
    const std::string about = std::string(key) + ":";
    for (const std::string& words : builder.command.warnings)
        if (words.starts_with(about)) attachment.warnings.push_back(words);
    const std::string named = "\"" + std::string(key) + "\"";
    for (const std::string& words : builder.command.before_run)
        if (words.find(named) != std::string::npos) attachment.before_run.push_back(words);
    attachment.owned = builder.command.owned;
    return attachment;
}

}  // namespace lodge
