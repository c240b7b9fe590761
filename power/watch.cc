#include "power/watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "power/kernel.h"
#include "power/nvme_health.h"
#include "power/pci.h"

namespace lodge::watch {
namespace {

const std::string pci = "/sys/bus/pci/devices/";

// K: Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats: "RxErr 0" … "TOTAL_ERR_COR 0".
long long aer_total(const Host& host, const std::string& file) {
    long long total = 0;
    for (const std::string& line : split(kernel::text(host, file), '\n')) {
        const auto space = line.find(' ');
        if (space == std::string::npos || line.starts_with("TOTAL")) continue;
        total += parse_integer(trim(std::string_view(line).substr(space))).value_or(0);
    }
    return total;
}

void add_aer(const Host& host, const std::string& address, Trial& trial) {
    struct Kind {
        const char* file;
        int allowed;  // more than so many new ones are trouble
    };
    // A handful of corrected errors comes with a link that wakes up; the others never do.
    for (const Kind& kind :
         {Kind{"aer_dev_fatal", 0}, Kind{"aer_dev_nonfatal", 0}, Kind{"aer_dev_correctable", 10}}) {
        const std::string file = pci + address + "/" + kind.file;
        if (!kernel::exists(host, file)) continue;
        trial.watch.step(fmt::format("errors of {} are counted ({})", address, kind.file),
                         {"watch-aer",
                          {{"file", file},
                           {"before", static_cast<int64_t>(aer_total(host, file))},
                           {"allowed", kind.allowed}}});
    }
}

void add_same(const Host& host, const std::string& file, const std::string& what, Trial& trial) {
    const auto before = kernel::read(host, file);
    if (!before || before->empty()) return;
    trial.watch.step(fmt::format("{} stays {}", what, printable(*before)),
                     {"watch-same", {{"file", file}, {"before", *before}, {"what", what}}});
}

void add_counter(const Host& host, const std::string& file, int allowed, Trial& trial) {
    const auto before = kernel::number(host, file);
    if (!before) return;
    trial.watch.step(
        fmt::format("{} is counted", file),
        {"watch-counter",
         {{"file", file}, {"before", static_cast<int64_t>(*before)}, {"allowed", allowed}}});
}

void add_link(const Host& host, const std::string& address, Trial& trial) {
    add_same(host, pci + address + "/current_link_speed", "link speed of " + address, trial);
    add_same(host, pci + address + "/current_link_width", "link width of " + address, trial);
}

// Whoever asks a controller for what it does not know makes an entry in its log: a few are no sign.
constexpr int logged_errors_allowed = 10;

void add_health(const Host& host, const std::string& controller, Trial& trial) {
    const auto health = nvme_health(host, controller);
    if (!health) return;
    trial.watch.step(fmt::format("{} is asked for its errors", controller),
                     {"watch-nvme",
                      {{"controller", controller},
                       {"warning", static_cast<int64_t>(health->warning)},
                       {"media", static_cast<int64_t>(health->media_errors)},
                       {"logged", static_cast<int64_t>(health->logged_errors)}}});
}

// The PCI device that a knob's place is, or belongs to: "nvme0" and "host0" are not addresses.
std::string device_of(const Host& host, const std::string& place) {
    for (const char* kind : {"/sys/class/nvme/", "/sys/class/scsi_host/"}) {
        if (place.empty() || !kernel::exists(host, kind + place)) continue;
        const auto parts = split(kernel::real_path(host, kind + place), '/');
        for (size_t i = parts.size(); i-- > 0;)
            if (kernel::exists(host, pci + parts[i]) && parts[i].find(':') != std::string::npos)
                return parts[i];
    }
    return place;
}

void add_device(const Host& host, const PciDevice& device, Trial& trial) {
    add_aer(host, device.address, trial);
    add_link(host, device.address, trial);
    add_same(host, pci + device.address + "/vendor", "the device " + device.address, trial);
    for (const std::string& card : device.cards) {
        const std::string folder = "/sys/class/net/" + card;
        if (kernel::text(host, folder + "/carrier") == "1")
            add_counter(host, folder + "/carrier_changes", 0, trial);
        for (const char* counter :
             {"rx_errors", "tx_errors", "rx_crc_errors", "tx_carrier_errors", "tx_aborted_errors"})
            add_counter(host, folder + "/statistics/" + counter, 10, trial);
    }
    const std::string controllers = pci + device.address + "/nvme";
    for (const std::string& name : kernel::list(host, controllers)) {
        add_same(host, controllers + "/" + name + "/state", name, trial);
        add_health(host, name, trial);
    }
}

}  // namespace

void add_place(const Host& host, const Knob& knob, const std::string& consent, Trial& trial) {
    if (knob.kind->risk == KnobRisk::low) return;
    const auto devices = pci_devices(host);
    const bool all = knob.kind->id == "aspm.policy";
    const std::string place = device_of(host, knob.place);
    for (const PciDevice& device : devices) {
        const PciDevice* above = nullptr;
        if (device.address == place) above = find_device(devices, device.parent);
        if (!all && device.address != place) continue;
        const std::string lost =
            knob.kind->risk == KnobRisk::high ? depends_on(host, devices, device) : "";
        const std::string& named = all ? std::string("all") : device.address;
        if (!lost.empty() && consent != named)
            fail(Exit::refused,
                 "{} touches {}, which carries {}: it may be lost until the machine is restarted; "
                 "--consent {} says that you know",
                 knob.name(), device.address, lost, named);
        add_device(host, device, trial);
        if (above && !all) {
            add_aer(host, above->address, trial);
            add_link(host, above->address, trial);
        }
    }
}

namespace {

// The number of the kernel's last message. K: Documentation/ABI/testing/dev-kmsg: each read gives
// one record, "priority,number,time,flags;text".
struct Messages {
    long long last = -1;
    std::string trouble;
};

struct Sign {
    std::string_view part, and_part;
    bool of_device = false;  // means something only of a device that is on trial
};
// K: igc_main.c, nvme/host/pci.c, r8169_main.c, pci/pci.c, pcie/aer.c, e1000e/netdev.c, libata.
constexpr Sign signs[] = {
    {"PCIe link lost", ""},
    {"controller is down; will reset", ""},
    {"ASPM disabled on Tx timeout", ""},
    {"Unable to change power state", ""},
    {"Detected Hardware Unit Hang", ""},
    {"NETDEV WATCHDOG", ""},
    {"transmit queue", "timed out"},
    {"AER:", "Fatal"},
    {"PCIe Bus Error", "Uncorrect"},
    {"device lost", ""},
    {"I/O error", "dev ", true},
    {"SATA link down", "", true},
    {"failed command", "", true},
    {"timeout, aborting", "", true},
    {"USB disconnect", "", true},
    {"Card not present", "", true},
    {"Link Down", "", true},
};

bool names_one(std::string_view text, const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return !name.empty() && text.find(name) != std::string_view::npos;
    });
}

void take_message(std::string_view record, long long since, const std::vector<std::string>& names,
                  Messages& messages) {
    const auto text_at = record.find(';');
    const auto first = record.find(',');
    if (text_at == std::string_view::npos || first == std::string_view::npos) return;
    const auto second = record.find(',', first + 1);
    if (second == std::string_view::npos || second > text_at) return;
    const auto number = parse_integer(record.substr(first + 1, second - first - 1));
    if (!number) return;
    messages.last = std::max<long long>(messages.last, *number);
    if (since < 0 || *number <= since || !messages.trouble.empty()) return;
    std::string_view text = record.substr(text_at + 1);
    text = text.substr(0, text.find('\n'));
    for (const Sign& sign : signs)
        if (text.find(sign.part) != std::string_view::npos &&
            text.find(sign.and_part) != std::string_view::npos &&
            (!sign.of_device || names_one(text, names)))
            messages.trouble = printable(text);
}

// `since` < 0: only the last number is wanted.
Messages read_messages(const Host& host, long long since, const std::vector<std::string>& names) {
    Messages messages;
    const Fd fd(::open(host.system("/dev/kmsg").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return messages;
    std::array<char, 8192> buffer;
    for (;;) {
        const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && (errno == EINTR || errno == EPIPE)) continue;  // overwritten: the next one
        if (got <= 0) return messages;
        // A recorded machine's is a file of many lines.
        for (const std::string& line : split({buffer.data(), static_cast<size_t>(got)}, '\n'))
            if (!line.starts_with(' ')) take_message(line, since, names, messages);
    }
}

}  // namespace

void add_messages(const Host& host, const std::vector<Knob>& knobs, Trial& trial) {
    std::vector<std::string> names;
    const auto devices = pci_devices(host);
    for (const Knob& knob : knobs) {
        if (knob.kind->risk == KnobRisk::low || knob.place.empty()) continue;
        names.push_back(knob.place);
        if (const PciDevice* device = find_device(devices, knob.place)) {
            names.insert(names.end(), device->cards.begin(), device->cards.end());
            names.insert(names.end(), device->blocks.begin(), device->blocks.end());
        }
        // A SATA host is called by its port in messages: …/ata1/host0/scsi_host/host0
        for (const std::string& part :
             split(kernel::real_path(host, "/sys/class/scsi_host/" + knob.place), '/'))
            if (part.starts_with("ata")) names.push_back(part + ":");
    }
    const Messages messages = read_messages(host, -1, {});
    if (messages.last < 0) return;
    trial.watch.step(
        "the kernel's messages are read",
        {"watch-messages", {{"since", static_cast<int64_t>(messages.last)}, {"name", names}}});
}

std::string subject_of(const Host& host, const Knob& knob) {
    std::string subject(knob.kind->id);
    if (knob.place.empty()) return subject;
    const auto devices = pci_devices(host);
    // A port of a SATA controller by itself: it is the disk behind it that fails.
    const bool is_port = knob.kind->id == "sata.link";
    const PciDevice* device =
        find_device(devices, is_port ? knob.place : device_of(host, knob.place));
    return subject + " " + (device ? device->ids() : knob.place);
}

namespace {

void look_at_aer(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& file = on.text("file");
    if (!kernel::exists(host, file)) fail(Exit::failed, "the device is gone: {}", file);
    const long long more = aer_total(host, file) - on.integer("before");
    if (more > on.integer("allowed"))
        fail(Exit::failed, "{} new on the link ({})", counted(more, "error"), file);
}

void look_at_same(Work& work, const Values& on) {
    const auto now = kernel::read(work.engine().host, on.text("file"));
    if (!now) fail(Exit::failed, "{} is gone ({})", on.text("what"), on.text("file"));
    if (*now != on.text("before"))
        fail(Exit::failed, "{} was {} and is {}", on.text("what"), printable(on.text("before")),
             printable(*now));
}

void look_at_counter(Work& work, const Values& on) {
    const auto now = kernel::number(work.engine().host, on.text("file"));
    if (!now) fail(Exit::failed, "it is gone: {}", on.text("file"));
    const long long more = *now - on.integer("before");
    if (more > on.integer("allowed")) fail(Exit::failed, "{} rose by {}", on.text("file"), more);
}

// A controller that is asked all the time never sleeps, and how it wakes is what is on trial.
bool asked_lately(const std::string& controller) {
    using Clock = std::chrono::steady_clock;
    static std::map<std::string, Clock::time_point> asked;  // by this watcher
    const auto now = Clock::now();
    const auto before = asked.find(controller);
    if (before != asked.end() && now - before->second < std::chrono::seconds(15)) return true;
    asked[controller] = now;
    return false;
}

void look_at_nvme(Work& work, const Values& on) {
    const std::string& name = on.text("controller");
    if (asked_lately(name)) return;
    const auto now = nvme_health(work.engine().host, name);
    if (!now) fail(Exit::failed, "{} does not answer any more", name);
    const auto rose = [&](uint64_t value, const char* before) {
        return static_cast<int64_t>(value) - on.integer(before);
    };
    if (rose(now->media_errors, "media") > 0)
        fail(Exit::failed, "{} new of {} while reading or writing",
             counted(rose(now->media_errors, "media"), "error"), name);
    if (rose(now->logged_errors, "logged") > logged_errors_allowed)
        fail(Exit::failed, "{} has {} new errors in its log", name,
             rose(now->logged_errors, "logged"));
    if ((now->warning & ~on.integer("warning")) != 0)
        fail(Exit::failed, "{} warns (critical warning {:#04x})", name, now->warning);
}

void look_at_messages(Work& work, const Values& on) {
    const Messages messages =
        read_messages(work.engine().host, on.integer("since"), on.list("name"));
    if (!messages.trouble.empty()) fail(Exit::failed, "the kernel says: {}", messages.trouble);
}

std::string shell(const Values& on) {
    return "# watched: " + on.text("file", on.text("controller", "/dev/kmsg"));
}

constexpr ActionKind kinds[] = {
    {"watch-aer", look_at_aer, shell},           {"watch-same", look_at_same, shell},
    {"watch-counter", look_at_counter, shell},   {"watch-nvme", look_at_nvme, shell},
    {"watch-messages", look_at_messages, shell},
};

}  // namespace

std::span<const ActionKind> actions() {
    return kinds;
}

}  // namespace lodge::watch
