#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/error.h"
#include "passthrough/identity.h"
#include "passthrough/inventory.h"
#include "passthrough/pool.h"
#include "passthrough/sriov.h"
#include "passthrough/wishes.h"

// What is read of devices: mapping files (another program may write them), what is remembered of a
// device, what is kept of virtual functions, addresses. What was read once is read the same again.
namespace {

void require(bool good) {
    if (!good) std::abort();
}

void mappings(std::string_view text) {
    using namespace lodge;
    const auto all = read_mappings(text);
    for (const Mapped& one : all)
        for (const char c : one.name)
            require(c != '\n');
    // A mapping that is put in leaves every other one as it was.
    const std::string name = "lodge-fuzz";
    const auto after = read_mappings(with_mapping(text, name, {"path=0000:01:00.0", "path=1-2"}));
    size_t own = 0, others = 0, before = 0;
    for (const Mapped& one : after)
        ++(one.name == name ? own : others);
    for (const Mapped& one : all)
        before += one.name == name ? 0 : 1;
    require(own == 2 && others == before);
}

void identity(std::string_view line) {
    using namespace lodge;
    const auto known = Identity::parse(line);
    if (!known) return;
    const auto again = Identity::parse(known->print());
    require(again && again->is_same(*known) && again->consent == known->consent);
    require(full_address(known->address) == known->address);
}

void kept(std::string_view text) {
    using namespace lodge;
    const std::string once = print_kept_vfs(parse_kept_vfs(text));
    require(print_kept_vfs(parse_kept_vfs(once)) == once);
}

void address(std::string_view text) {
    using namespace lodge;
    const auto full = full_address(text);
    if (full) require(full_address(*full) == full && full_address(short_address(*full)) == full);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    mappings(text);
    identity(text);
    kept(text);
    address(text);
    return 0;
}
