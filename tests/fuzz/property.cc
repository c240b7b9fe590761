#include "engine/property.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"

// "key: value" of any property key: taking apart and printing are stable, and nothing is lost.
namespace {

using namespace lodge;

void run(const Schema& schema, std::string_view key, std::string_view value) {
    const Field* field = schema.find(key);
    if (field == nullptr) return;
    problem_with(*field, value);
    allowed_words(*field);
    if (field->type != ValueType::property || value.find('\n') != std::string_view::npos) return;
    std::vector<std::string> problems;
    const Properties first = Properties::parse_lenient(*field, value, problems);
    for (const Field& part : field->parts) {
        first.flag(part.key);
        first.integer(part.key);
        first.number(part.key);
    }
    const std::string once = first.print();
    std::vector<std::string> again_problems;
    const Properties second = Properties::parse_lenient(*field, once, again_problems);
    if (second.print() != once || again_problems.size() != problems.size()) {
        std::cerr << key << ": " << value << "\nonce:  " << once << "\ntwice: " << second.print()
                  << "\n"
                  << join(problems, "\n") << "\n--\n"
                  << join(again_problems, "\n") << "\n";
        std::abort();
    }
    if (!problems.empty()) return;
    Properties::parse(*field, once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return 0;
    const std::string_view value = trim(text.substr(colon + 1));
    run(lodge::vm_schema(), text.substr(0, colon), value);
    run(lodge::container_schema(), text.substr(0, colon), value);
    parse_size(value);
    printable(value);
    return 0;
}
