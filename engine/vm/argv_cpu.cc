#include <algorithm>

#include "engine/units.h"
#include "engine/vm/argv_parts.h"
#include "engine/vm/mapping.h"

// The CPU: model, flags, topology.
namespace lodge::argv {
namespace {

std::string model_of(Builder& builder, const std::string& type) {
    if (!builder.kvm) {
        // What emulation cannot do it says once a feature, at every start, and leaves out.
        if (type == "host") return "max";
        if (cpu_level(type) == 4) {
            builder.warn("cpu: {} needs AVX-512, which software emulation lacks: x86-64-v3 it is",
                         type);
            return stock_cpu("x86-64-v3");
        }
    }
    if (cpu_level(type) > 0) return stock_cpu(type);
    std::vector<std::string> notes;
    const std::string model = stock_cpu(type, notes);
    for (const std::string& note : notes)
        builder.warn("cpu: {}", note);
    const auto& models = builder.facts.cpu_models;
    const std::string base = model.substr(0, model.find(','));
    if (!models.empty() && std::find(models.begin(), models.end(), base) == models.end()) {
        const std::string instead = builder.kvm ? "host" : "max";
        builder.warn("cpu: this machine's QEMU has no model {}: {} it is", in_quotes(base),
                     instead);
        return instead;
    }
    return model;
}

// What Windows makes use of when it runs on Hyper-V, as far as KVM plays that.
std::string hyperv_flags(const Builder& builder) {
    if (builder.windows < 6) return {};
    std::string flags = ",hv-relaxed,hv-vapic,hv-spinlocks=0x1fff,hv-time";
    if (builder.windows >= 7) flags += ",hv-vpindex,hv-runtime,hv-reset";
    if (builder.windows >= 10) flags += ",hv-synic,hv-stimer,hv-ipi,hv-tlbflush";
    return flags;
}

std::string cpu_text(Builder& builder) {
    const Config& config = builder.config;
    const auto cpu = config.properties("cpu");
    const std::string type = cpu ? cpu->text("cputype") : builder.kvm ? "kvm64" : "qemu64";
    std::string text = model_of(builder, type);
    if (builder.kvm) {
        if (builder.windows == 0 && !(cpu && cpu->flag("hidden")))
            text += ",+kvm-pv-eoi,+kvm-pv-unhalt";
        text += hyperv_flags(builder);
    }
    if (!cpu) return text;
    if (cpu->flag("hidden")) text += ",kvm=off";
    if (cpu->has("hv-vendor-id")) text += ",hv-vendor-id=" + cpu->text("hv-vendor-id");
    if (cpu->has("phys-bits")) {
        const std::string bits = cpu->text("phys-bits");
        if (bits != "host")
            text += ",phys-bits=" + bits;
        else if (builder.kvm)
            text += ",host-phys-bits=on";
        else
            builder.warn("cpu: phys-bits=host has no meaning under software emulation");
    }
    if (cpu->has("guest-phys-bits"))
        builder.warn("cpu: guest-phys-bits needs QEMU 9.1; this machine has {}.{}",
                     builder.facts.qemu_major, builder.facts.qemu_minor);
    if (cpu->has("reported-model"))
        builder.warn("cpu: reported-model belongs to CPU models of one's own, which are not read");
    if (cpu->has("flags"))
        for (const std::string& flag : split(cpu->text("flags"), ';'))
            if (!flag.empty()) text += "," + flag;
    return text;
}

}  // namespace

int64_t bounded_count(int64_t count) {
    return std::clamp<int64_t>(count, 1, 100000);
}

int max_cpus(const Config& config) {
    // `smp` is the old name of `sockets`.
    const int64_t sockets = config.current.has("sockets") || !config.current.has("smp")
                                ? config.integer("sockets")
                                : config.integer("smp");
    const int64_t all = bounded_count(sockets) * bounded_count(config.integer("cores"));
    return static_cast<int>(bounded_count(all));
}

void add_cpu(Builder& builder) {
    const Config& config = builder.config;
    builder.begin("cpu");
    builder.text("-cpu", cpu_text(builder));
    builder.begin("cores");
    const int most = max_cpus(config);
    const int64_t cores = bounded_count(config.integer("cores"));
    int64_t now = most;
    if (config.current.has("vcpus")) {
        now = std::min<int64_t>(most, std::max<int64_t>(1, config.integer("vcpus")));
        if (config.integer("vcpus") > most)
            builder.warn("vcpus: {} is more than sockets times cores: {} it is",
                         config.integer("vcpus"), most);
    }
    if (most > builder.facts.cpus && builder.facts.cpus > 0)
        builder.warn("cores: the guest gets {} and this machine has {}: it will be slow",
                     counted(most, "CPU"), builder.facts.cpus);
    builder.text("-smp", fmt::format("cpus={},sockets={},cores={},threads=1,maxcpus={}", now,
                                     most / cores, cores, most));
}

}  // namespace lodge::argv
