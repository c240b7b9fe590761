#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/screens/all.h"
#include "tui/screens/guest_words.h"
#include "tui/screens/link_words.h"
#include "tui/screens/two_panes.h"
#include "tui/table.h"

namespace lodge {
namespace {

// What a link carried while this screen was shown: bytes a second, the newest last.
using Past = std::map<std::string, std::vector<float>, std::less<>>;
constexpr size_t past_length = 300;
constexpr int graph_width = 8;
constexpr int list_share = 56;

enum Shown : size_t { link, kind, state, speed, user, address, mac, in, out, graph };

const std::vector<Column> columns = {
    {.title = "LINK", .width = 14, .grow = 2, .sortable = true},
    {.title = "KIND", .width = 8, .rank = 7},
    {.title = "STATE", .width = 10},
    {.title = "SPEED", .width = 5, .right = true, .rank = 6, .sortable = false},
    {.title = "GUEST", .width = 8, .grow = 2, .rank = 4},
    {.title = "ADDRESS", .width = 15, .grow = 1, .rank = 3},
    {.title = "MAC", .width = 17, .rank = 8},
    {.title = "IN/s", .width = 6, .right = true},
    {.title = "OUT/s", .width = 6, .right = true},
    {.title = "TRAFFIC", .width = graph_width, .rank = 5, .sortable = false},
};

// LinkRows is the network's links in the order of their tree, as the table asks for them.
class LinkRows : public Rows {
  public:
    explicit LinkRows(App& app) : app_(app) {}
    void set(const std::vector<LinkView>& links) {
        links_ = links;
        tree_ = link_tree(links_);
    }
    void remember(const std::vector<LinkView>& links);
    const LinkView& at(size_t row) const { return links_[tree_[row].link]; }
    const std::vector<float>& past(const LinkView& link) const;
    std::string user_of(const LinkView& link) const;

    size_t count() const override { return tree_.size(); }
    std::string id(size_t row) const override { return at(row).name; }
    TableCell cell(size_t row, size_t column) const override;
    std::optional<double> number(size_t row, size_t column) const override {
        if (column == Shown::in) return at(row).in;
        if (column == Shown::out) return at(row).out;
        return column == Shown::link ? std::optional<double>(static_cast<double>(row))
                                     : std::nullopt;
    }
    std::string words(size_t row) const override {
        const LinkView& link = at(row);
        return fmt::format("{} {} {} {} {} {} {}", link.name, link.kind, link_state_word(link),
                           link.master, link.mac, user_of(link), join(link.addresses, " "));
    }

  private:
    std::string branch_of(size_t row) const;
    App& app_;
    std::vector<LinkView> links_;
    std::vector<LinkPlace> tree_;
    Past past_;
};

void LinkRows::remember(const std::vector<LinkView>& links) {
    for (const LinkView& link : links) {
        if (!link.in && !link.out) continue;
        std::vector<float>& past = past_[link.name];
        if (past.size() == past_length) past.erase(past.begin());
        past.push_back(static_cast<float>(link.in.value_or(0) + link.out.value_or(0)));
    }
    std::erase_if(past_, [&](const auto& entry) {
        return std::none_of(links.begin(), links.end(),
                            [&](const LinkView& link) { return link.name == entry.first; });
    });
}

const std::vector<float>& LinkRows::past(const LinkView& link) const {
    static const std::vector<float> nothing;
    const auto found = past_.find(link.name);
    return found == past_.end() ? nothing : found->second;
}

std::string LinkRows::user_of(const LinkView& link) const {
    if (link.guest == 0) return "";
    const GuestView* view = app_.state().guest(link.guest);
    return (view ? view->guest->name : std::to_string(link.guest)) + " " + link.guest_key;
}

std::string LinkRows::branch_of(size_t row) const {
    const LinkPlace& place = tree_[row];
    if (place.depth == 0) return "";
    std::string branch(static_cast<size_t>(place.depth - 1) * 2, ' ');
    append_character(branch, place.last ? app_.glyphs().branch_last : app_.glyphs().branch);
    return branch + " ";
}

TableCell LinkRows::cell(size_t row, size_t column) const {
    const LinkView& link = at(row);
    switch (column) {
        case Shown::link:
            return {branch_of(row) + link.name, {}};
        case Shown::kind:
            return {link.kind, Role::dim};
        case Shown::state:
            return {std::string(link_state_word(link)), link_role(link)};
        case Shown::speed:
            return {link_speed_words(link), {}};
        case Shown::user:
            return {user_of(link), {}};
        case Shown::address:
            if (link.addresses.empty()) return {link.leased, Role::dim};
            return {link.addresses[0], {}};
        case Shown::mac:
            return {link.mac, Role::dim};
        case Shown::in:
            return {link.in ? short_size(static_cast<int64_t>(*link.in)) : "", {}};
        case Shown::out:
            return {link.out ? short_size(static_cast<int64_t>(*link.out)) : "", {}};
        default: {
            const auto& values = past(link);
            const float most = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
            return {graph_words(values, std::max(most, 1024.0F), graph_width, app_.glyphs()),
                    Role::graph};
        }
    }
}

constexpr OwnKey own[] = {
    {"Enter", "Details", "Opens the link's details; Esc comes back.", true},
    {"/", "Filter", "Shows only links that fit: words, !word, re:expression.", true},
    {"Tab", "Other pane", "From the list to the details and back, where both are shown.", false},
};

// NetworkScreen is the machine's links, bridges with their ports, and the guests on them.
class NetworkScreen : public Screen {
  public:
    explicit NetworkScreen(App& app) : Screen(app), rows_(app), table_(columns, Shown::link) {}

    void look() override {
        app_.state().look_at_links();
        rows_.remember(app_.state().seen().links);
    }

    void seen() override {
        rows_.set(app_.state().seen().links);
        table_.update(rows_);
        if (!table_.selected()) panes_.go(false);
    }

    void draw(Area area) override {
        if (rows_.count() == 0) {
            area.put_centre(area.height() / 2, "There is no network that can be seen.", Role::dim);
            return;
        }
        const TwoPanes::Parts parts = panes_.lay_out(area, app_.glyphs(), list_share);
        if (parts.list) {
            const std::string order = table_.order_words();
            const int below = order.empty() ? 0 : 1;
            table_.draw(parts.list->rows(0, area.height() - below), rows_, app_.glyphs(),
                        !panes_.in_details());
            if (below > 0) parts.list->put(1, area.height() - 1, order, Role::dim);
        }
        if (parts.details) draw_details(*parts.details);
    }

    bool key(const Key& key) override {
        if (table_.types()) return table_.key(key, rows_);
        if (panes_.key(key, table_.selected().has_value())) return true;
        return panes_.in_details() && !panes_.wide() ? false : table_.key(key, rows_);
    }

    std::span<const OwnKey> own_keys() const override { return own; }

  private:
    void draw_details(const Area& area) const {
        const auto row = table_.selected();
        if (!row) return;
        const LinkView& link = rows_.at(*row);
        int y = 0;
        area.put(0, y++, printable(link.name), panes_.in_details() ? Role::strong : Role::heading);
        const auto line = [&](std::string_view label, std::string_view words, Paint paint = {}) {
            if (words.empty() || y >= area.height()) return;
            area.put(0, y, label, Role::dim);
            area.put(10, y++, printable(words), paint);
        };
        line("Kind", link.kind);
        const std::string speed = link_speed_words(link);
        line("State",
             std::string(link_state_word(link)) + (speed.empty() ? "" : ", " + speed + "bit/s"),
             link_role(link));
        line("Part of", link.master);
        line("Guest", rows_.user_of(link));
        for (size_t i = 0; i < link.addresses.size(); ++i)
            line(i == 0 ? "Address" : "", link.addresses[i]);
        if (!link.leased.empty()) line("Given", link.leased);
        if (link.nat) draw_network(line, *link.nat);
        line("MAC", link.mac);
        line("MTU", link.mtu > 0 ? std::to_string(link.mtu) : "");
        line("Carried", fmt::format("in {}, out {} since it is there", short_size(link.received),
                                    short_size(link.sent)));
        if (link.in || link.out)
            line("Now", fmt::format("in {}, out {}", rate_words(link.in), rate_words(link.out)));
        draw_past(area.rows(y + 1, area.height() - y - 1), link);
    }

    // What Lodge's own network is, and whom it gave which address.
    template <class Line>
    void draw_network(const Line& line, const NatView& nat) const {
        line("Network", nat.range + " of Lodge's own, out under this machine's address");
        if (nat.dhcp)
            line("Gives", fmt::format("addresses and names, from {}", nat.gateway));
        else
            line("Gives", "nothing: its dnsmasq does not run; lodge network up starts it",
                 Role::warning);
        for (size_t i = 0; i < nat.leases.size(); ++i) {
            const NatView::Given& given = nat.leases[i];
            std::string words = given.ip + " " + given.mac + " " + given.name;
            if (given.guest != 0) words += fmt::format(" ({} {})", given.guest, given.guest_key);
            line(i == 0 ? "Leases" : "", words);
        }
    }

    void draw_past(const Area& area, const LinkView& link) const {
        const auto& values = rows_.past(link);
        if (values.size() < 2 || area.height() < 2) return;
        const float most = *std::max_element(values.begin(), values.end());
        area.put(0, 0, "Traffic", Role::dim);
        area.put(0, 1, "max " + short_size(static_cast<int64_t>(most)), Role::dim);
        draw_graph(area.part(10, 0, area.width() - 10, std::min(4, area.height())), values,
                   std::max(most, 1024.0F), app_.glyphs());
    }

    LinkRows rows_;
    Table table_;
    TwoPanes panes_;
};

}  // namespace

std::unique_ptr<Screen> make_network_screen(App& app) {
    return std::make_unique<NetworkScreen>(app);
}

}  // namespace lodge
