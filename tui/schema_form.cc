#include "tui/schema_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/property.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "tui/hardware.h"

namespace lodge {
namespace {

using Kind = FormField::Kind;

// The parts that a person looks for first; the rest stands below.
struct MainParts {
    std::string_view stem, parts;
};
constexpr MainParts main_parts[] = {
    {"net", "model name bridge macaddr ip gw ip6 gw6 tag hwaddr link_down rate firewall"},
    {"mp", "volume mp size ro backup"},
    {"rootfs", "volume size ro"},
    {"dev", "path gid uid mode deny-write"},
    {"features", "nesting keyctl fuse mount"},
    {"cpu", "cputype flags hidden"},
    {"machine", "type viommu"},
    {"vga", "type memory"},
    {"agent", "enabled fstrim_cloned_disks"},
    {"boot", "order"},
    {"hostpci", "host mapping pcie rombar x-vga"},
    {"usb", "host mapping usb3"},
    {"smbios1", "uuid manufacturer product serial"},
};
constexpr std::string_view disk_parts = "file media cache discard ssd iothread backup ro";

std::string_view main_parts_of(std::string_view key, const Field& field) {
    if (is_disk_key(key)) return disk_parts;
    for (const MainParts& one : main_parts)
        if (one.stem == field.key) return one.parts;
    return "";
}

std::string label_of_choice(const Field& field, const std::string& value) {
    if (!value.empty()) return value;
    if (field.fallback.empty()) return "not said";
    if (field.type == ValueType::boolean)
        return field.fallback == "1" ? "usual (yes)" : "usual (no)";
    return fmt::format("usual ({})", field.fallback);
}

void make_choice(FormField& made, const Field& field, std::vector<std::string> choices) {
    made.kind = Kind::choice;
    if (!field.required) choices.insert(choices.begin(), "");
    // What the file holds stays choosable, right or wrong.
    if (!made.value.empty() &&
        std::find(choices.begin(), choices.end(), made.value) == choices.end())
        choices.push_back(made.value);
    for (const std::string& choice : choices) {
        const bool truth = field.type == ValueType::boolean && !choice.empty();
        made.labels.push_back(truth ? (choice == "1" ? "yes" : "no")
                                    : label_of_choice(field, choice));
    }
    made.choices = std::move(choices);
}

}  // namespace

FormField schema_field(const Field& field, std::string name, std::string value) {
    FormField made;
    made.name = std::move(name);
    made.label = field.key;
    made.help = field.help;
    made.value = std::move(value);
    made.fallback = field.fallback;
    made.needed = field.required;
    made.min = field.min;
    made.max = field.max;
    switch (field.type) {
        case ValueType::boolean:
            if (const auto truth = parse_boolean(made.value)) made.value = *truth ? "1" : "0";
            make_choice(made, field, {"1", "0"});
            return made;
        case ValueType::choice:
            make_choice(made, field, split(field.choices, '|'));
            return made;
        case ValueType::integer:
        case ValueType::number:
            made.kind = Kind::number;
            break;
        case ValueType::size:
            made.kind = Kind::size;
            break;
        default:
            break;
    }
    if (field.type != ValueType::text) made.help += " Allowed: " + allowed_words(field) + ".";
    made.problem = [&field](const std::string& text) { return problem_with(field, text); };
    return made;
}

KeyField key_field(const std::string& key, const Field& field, const std::string& value) {
    KeyField made{schema_field(field, key, value), [](const std::string& typed) { return typed; }};
    if (key == "description") {
        made.field.value = lines_as_one(value);
        made.field.help += " \\n stands for the end of a line.";
        made.field.problem = nullptr;
        made.read = [](const std::string& typed) { return one_as_lines(typed); };
    } else if (key == "sshkeys") {
        made.field.value = lines_as_one(std::string(trim(decode_keys(value))));
        made.field.help = "The SSH keys cloud-init lets in, \\n between them.";
        made.read = [](const std::string& typed) {
            return typed.empty() ? typed : encode_keys(one_as_lines(typed));
        };
    } else if (key == "cipassword") {
        made.field.kind = Kind::secret;
    }
    return made;
}

std::vector<FormField> property_fields(std::string_view key, const Field& field,
                                       const std::string& value, const Suggestions& suggestions) {
    std::vector<std::string> problems;
    const Properties now = Properties::parse_lenient(field, value, problems);
    const bool disk = is_disk_key(key);
    std::vector<FormField> fields;
    std::set<std::string_view> taken;
    const auto add = [&](const Field& part) {
        if (!part.alias.empty() || part.internal || (disk && part.key == "size")) return;
        if (!taken.insert(part.key).second) return;
        FormField made = schema_field(part, std::string(part.key), now.get(part.key).value_or(""));
        if (made.kind == Kind::text && suggestions) made.choices = suggestions(key, part.key);
        fields.push_back(std::move(made));
    };
    for (const std::string& name : split(main_parts_of(key, field), ' '))
        if (const Field* part = part_of(field, name)) add(*part);
    for (const Field& part : field.parts)
        if (part.bare || part.required || now.has(part.key)) add(part);
    const size_t first = fields.size();
    for (const Field& part : field.parts)
        add(part);
    if (first > 0 && fields.size() > first + 3)
        fields.insert(fields.begin() + static_cast<ptrdiff_t>(first),
                      FormField{.label = "The rest", .kind = Kind::heading});
    return fields;
}

std::string property_said(const Field& field, const std::string& before,
                          const std::vector<FormField>& asked, const Values& said) {
    std::vector<std::string> problems;
    Properties parts = Properties::parse_lenient(field, before, problems);
    for (const FormField& one : asked) {
        if (one.kind == Kind::heading) continue;
        const auto value = said.get(one.name);
        if (value)
            parts.set(one.name, *value);
        else
            parts.erase(one.name);
    }
    return parts.print();
}

std::string lines_as_one(std::string_view text) {
    std::string line;
    for (const char c : text)
        if (c == '\n')
            line += "\\n";
        else if (c == '\\')
            line += "\\\\";
        else
            line += c;
    return line;
}

std::string one_as_lines(std::string_view text) {
    std::string lines;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool escaped =
            text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == '\\');
        if (escaped)
            lines += text[++i] == 'n' ? '\n' : '\\';
        else
            lines += text[i];
    }
    return lines;
}

}  // namespace lodge
