#include "engine/units.h"
#include "engine/vm/argv_parts.h"

// The board: accelerator, chipset, clock, start order, what the firmware tells of the machine.
namespace lodge::argv {
namespace {

void add_accelerator(Builder& builder) {
    builder.begin("kvm");
    builder.text("-accel", builder.kvm ? "kvm" : "tcg,thread=multi");
}

void add_board(Builder& builder) {
    builder.begin("machine");
    const Config& config = builder.config;
    const auto parts = config.properties("machine");
    const Firmware firmware = firmware_of(builder);
    std::string text = "type=" + builder.machine + ",vmport=off,dump-guest-core=off";
    if (!config.flag("acpi")) text += ",acpi=off";
    if (!config.flag("allow-ksm")) text += ",mem-merge=off";
    // Windows prefers the HPET to Hyper-V's timers when it sees one, and each tick costs an exit.
    if (builder.windows >= 6) text += ",hpet=off";
    if (firmware.ovmf) {
        // Without Secure Boot nothing needs SMM, and entering it is slow.
        text += firmware.secure ? ",smm=on" : ",smm=off";
        text += ",pflash0=fmt-firmware";
        if (firmware.keep) text += ",pflash1=fmt-efidisk0";
    }
    const bool backend = config.current.has("hugepages") || builder.shared_memory();
    if (backend && !has_numa_nodes(config)) text += ",memory-backend=ram0";
    const std::string iommu = parts ? parts->text("viommu") : "";
    // Interrupt remapping is done by QEMU: KVM must leave the IOAPIC to it.
    if (iommu == "intel" && builder.q35 && builder.kvm) text += ",kernel-irqchip=split";
    builder.text("-machine", text);

    const std::string_view pm = builder.q35 ? "ICH9-LPC" : "PIIX4_PM";
    for (const char* state : {"s3", "s4"})
        if (parts && parts->has(fmt::format("enable-{}", state)))
            builder.text("-global",
                         fmt::format("{}.disable_{}={}", pm, state,
                                     parts->flag(fmt::format("enable-{}", state)) ? 0 : 1));
}

void add_clock(Builder& builder) {
    const Config& config = builder.config;
    builder.begin("localtime");
    std::string base = "utc";
    if (config.current.has("localtime") ? config.flag("localtime") : builder.windows > 0)
        base = "localtime";
    const std::string date = config.string_of("startdate");
    if (date != "now" && !date.empty()) base = date;
    // Windows counts ticks; those it missed are delivered late instead of lost.
    builder.text("-rtc", "base=" + base + (builder.windows > 0 ? ",driftfix=slew" : ""));
}

void add_smbios(Builder& builder) {
    const auto smbios = builder.config.properties("smbios1");
    if (!smbios) return;
    builder.begin("smbios1");
    std::string text = "type=1";
    for (const char* part :
         {"uuid", "manufacturer", "product", "version", "serial", "sku", "family"}) {
        if (!smbios->has(part)) continue;
        std::string value = smbios->text(part);
        if (smbios->flag("base64") && std::string_view(part) != "uuid") {
            const auto decoded = base64_decoded(value);
            if (!decoded) {
                builder.warn("smbios1: {} is not base64: {}", part, in_quotes(value));
                continue;
            }
            value = *decoded;
        }
        text += fmt::format(",{}={}", part, comma_safe(value));
    }
    if (text != "type=1") builder.text("-smbios", text);
}

}  // namespace

std::optional<std::string> base64_decoded(std::string_view text) {
    std::string plain;
    unsigned bits = 0;
    int have = 0;
    while (text.ends_with('='))
        text.remove_suffix(1);
    for (const char c : text) {
        unsigned value = 0;
        if (c >= 'A' && c <= 'Z')
            value = static_cast<unsigned>(c - 'A');
        else if (c >= 'a' && c <= 'z')
            value = static_cast<unsigned>(c - 'a') + 26;
        else if (c >= '0' && c <= '9')
            value = static_cast<unsigned>(c - '0') + 52;
        else if (c == '+')
            value = 62;
        else if (c == '/')
            value = 63;
        else
            return std::nullopt;
        bits = (bits << 6 | value) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            plain += static_cast<char>(bits >> have & 0xff);
        }
    }
    return plain;
}

void add_machine(Builder& builder) {
    const Config& config = builder.config;
    builder.begin("name");
    std::string name = config.string_of("name");
    if (name.empty()) name = fmt::format("VM {}", builder.id);
    builder.text("-name", fmt::format("guest={},debug-threads=on", comma_safe(name)));
    builder.begin("");
    builder.flag("-nodefaults");
    builder.flag("-no-user-config");
    // All that QEMU needs from outside it gets before it runs; from then on it starts nothing,
    // becomes nobody else and moves no thread.
    builder.text("-sandbox",
                 "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    add_accelerator(builder);
    add_board(builder);
    add_clock(builder);
    builder.begin("boot");
    builder.text("-boot", "strict=on");
    // A guest that turns itself off ends QEMU, which is how its end is seen.
    builder.begin("reboot");
    if (!config.flag("reboot")) builder.text("-action", "reboot=shutdown");
    add_smbios(builder);
}

}  // namespace lodge::argv
