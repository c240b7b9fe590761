#include "engine/vm/argv_parts.h"

// What the guest shows and plays: graphics card, VNC, keyboard layout, sound.
namespace lodge::argv {
namespace {

struct Card {
    std::string_view type, driver, memory;  // the device's name for its memory in MiB; "": fixed
};
constexpr Card kCards[] = {
    {"std", "VGA", "vgamem_mb"},
    {"cirrus", "cirrus-vga", "vgamem_mb"},
    {"vmware", "vmware-svga", "vgamem_mb"},
    {"virtio", "virtio-vga", ""},
    {"virtio-gl", "virtio-vga", ""},
    {"qxl", "qxl-vga", "vgamem_mb"},
};

std::string vga_type(const Builder& builder) {
    const auto vga = builder.config.properties("vga");
    return vga ? vga->text("type") : "std";
}

void add_card(Builder& builder, const std::string& type) {
    const auto vga = builder.config.properties("vga");
    std::string_view wanted = type;
    if (type.starts_with("qxl")) {
        if (type != "qxl") builder.warn("vga: {} is one screen: more need SPICE", type);
        wanted = "qxl";
    }
    if (type == "virtio-gl")
        builder.warn(
            "vga: virtio-gl is shown without 3D: drawing needs a GPU that QEMU's user may use");
    for (const Card& card : kCards) {
        if (card.type != wanted) continue;
        Json device = {{"driver", std::string(card.driver)}, {"id", "vga"}};
        if (vga && vga->has("memory")) {
            int64_t mib = 1;  // QEMU takes powers of two
            while (mib < vga->integer("memory"))
                mib *= 2;
            if (!card.memory.empty())
                device[std::string(card.memory)] = mib;
            else
                device["max_hostmem"] = vga->integer("memory") << 20;
        }
        builder.pci_device("vga", std::move(device));
    }
}

void add_clipboard(Builder& builder) {
    const auto agent = builder.config.properties("agent");
    const bool has_bus = agent && agent->flag("enabled") && agent->text("type") == "virtio";
    if (!has_bus) builder.pci_device("agent", {{"driver", "virtio-serial-pci"}, {"id", "agent"}});
    builder.chardev("qemu-vdagent,id=vdagent,name=vdagent,clipboard=on");
    builder.device({{"driver", "virtserialport"},
                    {"bus", "agent.0"},
                    {"nr", 2},
                    {"chardev", "vdagent"},
                    {"id", "vdagent-port"},
                    {"name", "com.redhat.spice.0"}});
}

void add_audio(Builder& builder) {
    const auto audio = builder.config.properties("audio0");
    if (!audio || !audio->has("device")) return;
    builder.begin("audio0");
    if (audio->text("driver") == "spice")
        builder.warn(
            "audio0: the guest sees the card and nothing is heard: sound goes by SPICE, which "
            "Lodge does not offer");
    builder.text("-audiodev", "none,id=audio0-driver");
    const std::string driver = audio->text("device");
    Json device = {{"driver", driver}, {"id", "audio0"}};
    if (driver == "AC97") device["audiodev"] = "audio0-driver";
    builder.pci_device("audio0", std::move(device));
    if (driver == "AC97") return;
    int address = 0;
    for (const char* codec : {"hda-micro", "hda-duplex"})
        builder.device({{"driver", codec},
                        {"id", fmt::format("audio0-codec{}", address)},
                        {"bus", "audio0.0"},
                        {"cad", address++},
                        {"audiodev", "audio0-driver"}});
}

}  // namespace

bool has_screen(const Builder& builder) {
    if (has_passed_screen(builder)) return false;
    const std::string type = vga_type(builder);
    return type != "none" && !type.starts_with("serial");
}

void add_display(Builder& builder) {
    const Config& config = builder.config;
    builder.begin("vga");
    const std::string type = vga_type(builder);
    if (has_screen(builder)) {
        add_card(builder, type);
        const std::string own = builder.own_folder();
        builder.text("-vnc", "unix:" + comma_safe(own) + "/vnc");
    } else {
        builder.text("-display", "none");
        if (type != "none" && !config.current.has(type))
            builder.warn("vga: {} is the screen and there is no such port", type);
    }
    const auto vga = config.properties("vga");
    if (vga && vga->has("clipboard")) {
        if (has_screen(builder))
            add_clipboard(builder);
        else
            builder.warn("vga: there is no screen to share a clipboard with");
    }
    builder.begin("keyboard");
    const std::string keyboard = config.string_of("keyboard");
    if (!keyboard.empty()) {
        if (has_screen(builder))
            builder.text("-k", keyboard);
        else
            builder.warn("keyboard: there is no screen that the layout would be for");
    }
    add_audio(builder);
}

}  // namespace lodge::argv
