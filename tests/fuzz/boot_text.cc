#include "passthrough/boot_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/error.h"
#include "passthrough/boot_pending.h"

// Files that a machine starts by: whatever stands there, every word of the person's stays, the new
// one is read back, and doing it twice changes nothing more.
namespace {

using Words = std::vector<std::string>;

void expect(bool so) {
    if (!so) std::abort();
}

bool begins_with(const Words& all, const Words& some) {
    return all.size() >= some.size() && std::equal(some.begin(), some.end(), all.begin());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace lodge;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const Words wanted = {"intel_iommu=on", "x=\"a b\""};

    const Words before = kernel_words(text);
    const std::string line = with_kernel_words(text, wanted);
    if (std::count(text.begin(), text.end(), '"') % 2 == 0) {
        expect(with_kernel_words(line, wanted) == line);
        const Words after = kernel_words(line);
        expect(begins_with(after, before));
        for (const std::string& word : wanted)
            expect(std::find(after.begin(), after.end(), word) != after.end());
    }
    const std::string grub = with_grub_lines(text, wanted);
    expect(words_of_grub_lines(grub) == wanted);
    expect(with_grub_lines(grub, wanted) == grub);

    const std::string entry = with_entry_options(text, {"intel_iommu=on"});
    expect(with_entry_options(entry, {"intel_iommu=on"}).size() >= entry.size());
    (void)contradicting_words(text, wanted);
    (void)text_diff("a", text, grub);
    try {
        const BootRecord record = parse_boot(text);
        expect(print_boot(parse_boot(print_boot(record))) == print_boot(record));
    } catch (const Error&) {
        return 0;
    }
    return 0;
}
