#include "tui/screens/volume_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/screens/job_words.h"

namespace lodge {
namespace {

enum Shown : size_t { volume, content, format, size, used, guest, use, changed };

const std::vector<Column> columns = {
    {.title = "VOLUME", .width = 20, .grow = 4},
    {.title = "CONTENT", .width = 7, .rank = 5},
    {.title = "FORMAT", .width = 6, .rank = 3},
    {.title = "SIZE", .width = 6, .right = true},
    {.title = "USED", .width = 6, .right = true},
    {.title = "GUEST", .width = 8, .grow = 2},
    {.title = "USE", .width = 8, .grow = 2},
    {.title = "CHANGED", .width = 11, .right = true, .rank = 4},
};

bool is_disk(const VolumeView& volume) {
    return volume.info.content == "images" || volume.info.content == "rootdir";
}

bool is_template(const VolumeView& volume) {
    return volume.info.content == "vztmpl";
}
// A server has it, and perhaps no storage.
bool is_offer(const VolumeView& volume) {
    return volume.info.content == "available";
}

// Who has it as it is now.
const VolumeView::User* user_now(const VolumeView& volume) {
    for (const VolumeView::User& user : volume.users)
        if (user.snapshot.empty()) return &user;
    return nullptr;
}

}  // namespace

void VolumeRows::set(const StorageView* storage, std::string_view content) {
    volumes_.clear();
    now_ = app_.engine().host.now_seconds();
    if (storage == nullptr) return;
    for (const VolumeView& volume : storage->volumes)
        if (content.empty() ? !is_offer(volume) : volume.info.content == content)
            volumes_.push_back(volume);
}

std::string_view VolumeRows::name_of(const VolumeView& volume) {
    const std::string_view id = volume.info.id;
    if (is_offer(volume)) return id;  // of a server, not of a storage
    const auto colon = id.find(':');
    return colon == std::string_view::npos ? id : id.substr(colon + 1);
}

std::string VolumeRows::guest_name(int id) const {
    if (id == 0) return "";
    const GuestView* view = app_.state().guest(id);
    return view ? view->guest->name : std::to_string(id);
}

TableCell VolumeRows::use_of(const VolumeView& volume) const {
    if (volume.users.empty()) {
        if (is_disk(volume)) return {"not used", Role::warning};
        return {printable(volume.note), Role::dim};
    }
    const VolumeView::User* now = user_now(volume);
    const VolumeView::User& first = now ? *now : volume.users[0];
    std::string words = now ? first.key : "snapshot " + first.snapshot;
    if (volume.users.size() > 1) words += fmt::format(" +{}", volume.users.size() - 1);
    return {words, {}};
}

TableCell VolumeRows::cell(size_t row, size_t column) const {
    const VolumeView& volume = at(row);
    switch (column) {
        case Shown::volume:
            return {std::string(name_of(volume)), {}};
        case Shown::content:
            return {volume.info.content, {}};
        case Shown::format:
            return {volume.info.format, {}};
        case Shown::size:
            return {short_size(volume.info.size), {}};
        case Shown::used:
            return {is_offer(volume) ? "" : short_size(volume.info.used), {}};
        case Shown::guest: {
            const VolumeView::User* now = user_now(volume);
            return {guest_name(now ? now->guest : volume.info.owner), {}};
        }
        case Shown::use:
            return use_of(volume);
        default:
            return {when_words(volume.time, now_), {}};
    }
}

std::optional<double> VolumeRows::number(size_t row, size_t column) const {
    const VolumeView& volume = at(row);
    switch (column) {
        case Shown::content:
            return static_cast<double>(row);  // by content, then name, as State has them
        case Shown::size:
            return static_cast<double>(volume.info.size);
        case Shown::used:
            return static_cast<double>(volume.info.used);
        case Shown::changed:
            return static_cast<double>(volume.time);
        default:
            return std::nullopt;
    }
}

std::string VolumeRows::words(size_t row) const {
    const VolumeView& volume = at(row);
    std::string words = fmt::format("{} {} {} {}", volume.info.id, volume.info.content,
                                    volume.info.format, use_of(volume).text);
    for (const VolumeView::User& user : volume.users)
        words += fmt::format(" {} {} {}", guest_name(user.guest), user.key, user.snapshot);
    return words + " " + guest_name(volume.info.owner);
}

VolumeList::VolumeList(App& app) : app_(app), rows_(app), table_(columns, Shown::content) {}

void VolumeList::set(const StorageView* storage) {
    const bool same = storage && storage->id == storage_.id;
    storage_ = storage ? *storage : StorageView();
    contents_.clear();
    for (const VolumeView& volume : storage_.volumes)
        if (contents_.empty() || contents_.back() != volume.info.content)
            contents_.push_back(volume.info.content);
    const auto has = [](const std::vector<std::string>& all, std::string_view one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    };
    // What could be fetched to it, also while no server was asked yet.
    if (has(storage_.contents, "vztmpl") && !has(contents_, "available"))
        contents_.insert(contents_.begin(), "available");
    if (!same) {
        content_.clear();
        table_.unmark_all();
    }
    update();
}

void VolumeList::update() {
    if (std::find(contents_.begin(), contents_.end(), content_) == contents_.end())
        content_.clear();
    rows_.set(&storage_, content_);
    table_.update(rows_);
}

// The next content, of which "all" is one.
void VolumeList::step(int by) {
    std::vector<std::string> all = contents_;
    all.insert(all.begin(), "");
    const auto count = static_cast<int>(all.size());
    const auto at = static_cast<int>(std::find(all.begin(), all.end(), content_) - all.begin());
    content_ = all[static_cast<size_t>((at + by + count) % count)];
    update();
}

void VolumeList::draw_contents(const Area& area) const {
    int x = 0, place = 0;
    const auto tab = [&](const std::string& content, std::string_view name, size_t count) {
        const int from = x;
        x = area.put(x, 0, fmt::format(" {} {} ", printable(name), count),
                     content == content_ ? Role::selected : Role::normal);
        area.hit(from, 0, x - from, 1, Key{.name = "Detail", .y = place++});
    };
    tab("", "all",
        static_cast<size_t>(
            std::count_if(storage_.volumes.begin(), storage_.volumes.end(),
                          [](const VolumeView& volume) { return !is_offer(volume); })));
    for (const std::string& content : contents_)
        tab(content, content,
            static_cast<size_t>(std::count_if(
                storage_.volumes.begin(), storage_.volumes.end(),
                [&](const VolumeView& volume) { return volume.info.content == content; })));
}

// All of the volume under the cursor, in two lines.
void VolumeList::draw_volume(const Area& area) const {
    const auto row = table_.selected();
    if (!row) return;
    const VolumeView& volume = rows_.at(*row);
    std::vector<std::string> uses;
    for (const VolumeView::User& user : volume.users)
        uses.push_back(fmt::format("{} of {}{}", user.key, rows_.guest_name(user.guest),
                                   user.snapshot.empty() ? "" : " at " + user.snapshot));
    area.put(1, 0, printable(volume.info.id), Role::strong);
    std::string words = join(uses, ", ");
    if (uses.empty() && is_disk(volume)) words = "no guest has it: a attaches it, D deletes it";
    if (is_template(volume) && !volume.note.empty()) words = volume.note;
    if (is_offer(volume))
        words = volume.note.empty() ? "d fetches it to " + storage_.id : "it is here";
    if (!volume.info.backing.empty())
        words += (words.empty() ? "" : "; ") + ("on top of " + volume.info.backing);
    area.put(1, 1, printable(words), Role::dim);
}

void VolumeList::draw(Area area, bool active) {
    if (storage_.id.empty()) return;
    int x = area.put(0, 0, printable(storage_.id), active ? Role::strong : Role::heading) + 2;
    x = area.put(x, 0, storage_.type, Role::dim) + 2;
    area.put(x, 0, printable(storage_.path), Role::dim);
    if (!storage_.trouble.empty()) {
        area.put(0, 2, printable(storage_.trouble), Role::warning);
        return;
    }
    if (storage_.volumes.empty() && contents_.empty()) {
        area.put(0, 2, "There is nothing on it.", Role::dim);
        return;
    }
    draw_contents(area.row(1));
    if (rows_.count() == 0) {
        area.put(0, 3,
                 content_ == "available"
                     ? "Not known yet: r asks the servers, b builds one of packages."
                     : "There is nothing on it.",
                 Role::dim);
        return;
    }
    area.put_right(area.width() - 1, 1, table_.order_words(), Role::dim);
    table_.draw(area.rows(2, area.height() - 5), rows_, app_.glyphs(), active);
    draw_volume(area.rows(area.height() - 2, 2));
}

bool VolumeList::key(const Key& key) {
    if (!table_.types() && (key.is("]") || key.is("["))) {
        step(key.is("]") ? 1 : -1);
        return true;
    }
    if (key.is("Detail")) {
        const auto at = static_cast<size_t>(key.y);
        content_ = at == 0 || at > contents_.size() ? "" : contents_[at - 1];
        update();
        return true;
    }
    return table_.key(key, rows_);
}

bool VolumeList::runs(const Command& command) {
    const auto row = table_.selected();
    if (command.subject != "disk" || !row) return false;
    if (command.verb == "delete" || command.verb == "list") return false;
    const VolumeView& volume = rows_.at(*row);
    const std::string& id = volume.info.id;
    const VolumeView::User* user = user_now(volume);
    Chosen::Thing thing{.values = {}, .name = id, .title = id};
    if (command.verb == "attach")
        thing.values.set({"volume", id});
    else if (command.verb == "import")
        thing.values.set({"file", id});
    else if (user && is_disk(volume))
        return false;  // what is chosen says it all
    else if (user)
        thing.values = {{"guest", user->guest}, {"key", user->key}};
    else if (command.verb != "create") {
        app_.tell(fmt::format("{}: no guest has {}", command.label, id), Role::warning);
        return true;
    }
    app_.act(command, {.subject = "disk", .things = {thing}});
    return true;
}

// Templates, here or on servers: commands on images.
Chosen VolumeList::chosen_templates() const {
    Chosen chosen{.subject = "image", .things = {}};
    for (const size_t row : table_.chosen(rows_)) {
        const VolumeView& volume = rows_.at(row);
        const std::string& id = volume.info.id;
        Chosen::Thing thing{.values = {}, .name = id, .title = id};
        if (is_template(volume))
            thing.values.set({"volume", id});
        else if (is_offer(volume))
            thing.values = {{"template", id}, {"storage", storage_.id}};
        else
            continue;
        chosen.things.push_back(std::move(thing));
    }
    return chosen;
}

Chosen VolumeList::chosen() const {
    const auto at = table_.selected();
    if (content_ == "available" || (at && is_template(rows_.at(*at)))) return chosen_templates();
    Chosen chosen{.subject = "disk", .things = {}};
    for (const size_t row : table_.chosen(rows_)) {
        const VolumeView& volume = rows_.at(row);
        const VolumeView::User* user = user_now(volume);
        const std::string name(VolumeRows::name_of(volume));
        Chosen::Thing thing{.values = {}, .name = volume.info.id, .title = name};
        if (user && is_disk(volume))
            thing = {.values = {{"guest", user->guest}, {"key", user->key}},
                     .name = fmt::format("{} of {}", user->key, rows_.guest_name(user->guest)),
                     .title = rows_.guest_name(user->guest)};
        else
            thing.values.set({"guest", volume.info.id});
        chosen.things.push_back(std::move(thing));
    }
    return chosen;
}

}  // namespace lodge
