#include "engine/storage/storage_cfg.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// storage.cfg may come from another machine: whatever it holds, no byte of it is lost.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    lodge::StorageCfg cfg = lodge::StorageCfg::parse(text);
    if (cfg.text() != text) std::abort();
    const size_t entries = cfg.entries().size();
    if (!cfg.find("fuzzed")) {
        cfg.add({"dir", "fuzzed", {{"path", "/x"}}});
        if (lodge::StorageCfg::parse(cfg.text()).entries().size() != entries + 1) std::abort();
        cfg.remove("fuzzed");
    }
    while (!cfg.entries().empty())
        cfg.remove(std::string(cfg.entries().front().id));
    return 0;
}
