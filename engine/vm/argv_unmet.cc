#include "engine/vm/argv_parts.h"

// Keys that this machine's QEMU, or Lodge, cannot honour: a start says so, each time.
namespace lodge::argv {

void add_unmet(Builder& builder) {
    const Config& config = builder.config;
    if (config.current.has("amd-sev"))
        builder.warn(
            "amd-sev: memory encryption is not set up by Lodge: the memory is readable as ever");
    if (config.current.has("intel-tdx"))
        builder.warn("intel-tdx: this machine's QEMU ({}.{}) has no trusted domains",
                     builder.facts.qemu_major, builder.facts.qemu_minor);
    if (config.current.has("spice_enhancements"))
        builder.warn("spice_enhancements: Lodge offers no SPICE");
    const std::string type = config.string_of("citype");
    if (type == "opennebula")
        builder.warn("citype: opennebula is not known to Lodge: nocloud it is");
    if (const auto agent = config.properties("agent"); agent && agent->flag("fstrim_cloned_disks"))
        builder.warn("agent: fstrim_cloned_disks is not done by Lodge");
}

}  // namespace lodge::argv
