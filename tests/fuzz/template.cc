#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/container/oci.h"
#include "engine/error.h"
#include "engine/storage/ovf.h"
#include "engine/template/bootstrap.h"
#include "engine/template/origin.h"
#include "engine/template/simplestreams.h"

namespace {

template <class Call>
void try_it(Call call) {
    try {
        call();
    } catch (const lodge::Error&) {
        // Refused in words: that is an answer.
    }
}

}  // namespace

// What servers of templates and images say: their indexes, the configuration of an image, and the
// sources of this machine's apt.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace lodge;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try_it([&] {
        for (const std::string& path : parse_stream_index(text))
            if (!is_member_name(path)) std::abort();
    });
    try_it([&] {
        size_t skipped = 0;
        const auto all = parse_stream_products(text, skipped);
        for (const StreamTemplate& one : all) {
            const std::string file = template_file_name("near", one);
            if (!is_member_name(one.path) || file.find('/') != std::string::npos ||
                file.size() > 255)
                std::abort();
        }
        if (read_stream_templates(print_stream_templates(all)).size() != all.size()) std::abort();
    });
    try_it([&] { (void)facts_of_oci_config(text); });
    (void)parse_origin(text);
    for (const bool deb822 : {false, true})
        (void)sources_for(parse_apt_sources(text, deb822), "debian", "bookworm");
    return 0;
}
