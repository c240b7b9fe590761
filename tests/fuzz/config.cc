#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "engine/error.h"
#include "engine/store.h"

// A guest's configuration file, as either kind: an unchanged one is written as it is, a changed one
// is read back the same and written the same again.
namespace {

using namespace lodge;

void expect(bool right, const char* what, std::string_view one, std::string_view other) {
    if (right) return;
    std::cerr << what << "\n--- one\n" << one << "\n--- other\n" << other << "\n";
    std::abort();
}

void run(std::string_view text, const Schema& schema) {
    Config config = Config::parse(text, schema, "fuzz.conf");
    expect(config.text() == text, "an unchanged file is not as it was", text, config.text());
    for (const Problem& problem : config.problems())
        config.words_of(problem);
    for (const auto& [key, value] : config.current.entries()) {
        config.flag(key);
        config.integer(key);
        config.number(key);
        config.properties(key);
    }
    config.pending_deletes();
    config.current.set("onboot", config.flag("onboot") ? "0" : "1");
    if (!config.changed()) return;
    const std::string once = config.text();
    Config again = Config::parse(once, schema, "fuzz.conf");
    expect(again.text() == once, "a written file is not as it was", once, again.text());
    expect(again.current.description() == config.current.description(), "another description",
           config.current.description(), again.current.description());
    again.current.set("protection", again.flag("protection") ? "0" : "1");
    again.current.set("protection", "1");
    again.current.erase("protection");
    config.current.set("protection", "1");
    config.current.erase("protection");
    expect(again.text() == config.text(), "written twice, but not alike", config.text(),
           again.text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    run(text, lodge::vm_schema());
    run(text, lodge::container_schema());
    return 0;
}
