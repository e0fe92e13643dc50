// Slack's emoji names and their characters: the ones people and bots in a team really use.

const TABLE = `
Smileys: grinning 😀|smiley 😃|smile 😄|grin 😁|laughing 😆|satisfied 😆|sweat_smile 😅|joy 😂|rolling_on_the_floor_laughing 🤣|slightly_smiling_face 🙂|upside_down_face 🙃|wink 😉|blush 😊|heart_eyes 😍|star-struck 🤩|yum 😋|thinking_face 🤔|zipper_mouth_face 🤐|neutral_face 😐|expressionless 😑|no_mouth 😶|smirk 😏|face_with_rolling_eyes 🙄|grimacing 😬|relieved 😌|pensive 😔|sleeping 😴|mask 😷|exploding_head 🤯|partying_face 🥳|sunglasses 😎|nerd_face 🤓|confused 😕|worried 😟|open_mouth 😮|astonished 😲|flushed 😳|cry 😢|sob 😭|scream 😱|disappointed 😞|sweat 😓|weary 😩|triumph 😤|rage 😡|skull 💀|ghost 👻|robot_face 🤖|see_no_evil 🙈
People: +1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|clap 👏|raised_hands 🙌|pray 🙏|handshake 🤝|wave 👋|ok_hand 👌|crossed_fingers 🤞|v ✌️|muscle 💪|point_up ☝️|point_right 👉|point_left 👈|point_down 👇|hand ✋|raised_hand ✋|fist ✊|facepunch 👊|writing_hand ✍️|eyes 👀|eye 👁️|ear 👂|brain 🧠|shrug 🤷|facepalm 🤦|raising_hand 🙋|runner 🏃|speaking_head_in_silhouette 🗣️|bust_in_silhouette 👤|busts_in_silhouette 👥
Symbols: heart ❤️|broken_heart 💔|100 💯|boom 💥|star ⭐|star2 🌟|sparkles ✨|zap ⚡|fire 🔥|dizzy 💫|tada 🎉|confetti_ball 🎊|white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|heavy_plus_sign ➕|heavy_minus_sign ➖|no_entry_sign 🚫|no_entry ⛔|warning ⚠️|exclamation ❗|bangbang ‼️|question ❓|grey_question ❔|information_source ℹ️|recycle ♻️|octagonal_sign 🛑|rotating_light 🚨|red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢|large_blue_circle 🔵|large_purple_circle 🟣|white_circle ⚪|black_circle ⚫|large_red_square 🟥|large_green_square 🟩|large_yellow_square 🟨|white_square ⬜|arrow_up ⬆️|arrow_down ⬇️|arrow_left ⬅️|arrow_right ➡️|arrow_upper_right ↗️|arrow_lower_right ↘️|arrows_counterclockwise 🔄|twisted_rightwards_arrows 🔀|repeat 🔁|leftwards_arrow_with_hook ↩️|back 🔙|soon 🔜|new 🆕|ok 🆗|sos 🆘|hash #️⃣|one 1️⃣|two 2️⃣|three 3️⃣|speech_balloon 💬|thought_balloon 💭|mute 🔇|loud_sound 🔊|bell 🔔|no_bell 🔕
Objects: memo 📝|pencil 📝|pencil2 ✏️|page_facing_up 📄|clipboard 📋|notebook 📓|books 📚|book 📖|bookmark 🔖|bookmark_tabs 📑|label 🏷️|link 🔗|paperclip 📎|pushpin 📌|round_pushpin 📍|scissors ✂️|file_folder 📁|card_index_dividers 🗂️|wastebasket 🗑️|package 📦|inbox_tray 📥|outbox_tray 📤|envelope ✉️|email 📧|calendar 📅|date 📅|spiral_calendar_pad 🗓️|bar_chart 📊|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|mag 🔍|mag_right 🔎|lock 🔒|unlock 🔓|key 🔑|hammer 🔨|wrench 🔧|hammer_and_wrench 🛠️|gear ⚙️|bulb 💡|computer 💻|floppy_disk 💾|electric_plug 🔌|battery 🔋|microphone 🎤|studio_microphone 🎙️|headphones 🎧|musical_note 🎵|camera 📷|art 🎨|framed_picture 🖼️|hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|alarm_clock ⏰|clock1 🕐|watch ⌚|moneybag 💰|gem 💎|trophy 🏆|medal 🏅|first_place_medal 🥇|second_place_medal 🥈|third_place_medal 🥉|dart 🎯|game_die 🎲|jigsaw 🧩|test_tube 🧪|microscope 🔬|telescope 🔭|dna 🧬|scales ⚖️|bug 🐛|coffee ☕|beer 🍺|beers 🍻|pizza 🍕|cake 🍰|birthday 🎂|gift 🎁|balloon 🎈|checkered_flag 🏁|triangular_flag_on_post 🚩|rocket 🚀|construction 🚧|house 🏠|satellite_antenna 📡|mantelpiece_clock 🕰️|broom 🧹
Nature: seedling 🌱|evergreen_tree 🌲|deciduous_tree 🌳|herb 🌿|four_leaf_clover 🍀|fallen_leaf 🍂|sunny ☀️|sunrise 🌅|cloud ☁️|rain_cloud 🌧️|snowflake ❄️|rainbow 🌈|ocean 🌊|droplet 💧|moon 🌙|full_moon 🌕|earth_africa 🌍|dog 🐶|cat 🐱|otter 🦦|owl 🦉|turtle 🐢|snail 🐌|octopus 🐙|whale 🐳|penguin 🐧|unicorn_face 🦄|panda_face 🐼|monkey_face 🐵
`;

export const GROUPS = TABLE.trim()
  .split("\n")
  .map((line) => {
    const [title, list] = line.split(": ");
    return { title, emoji: list.split("|").map((pair) => pair.split(" ")) };
  });

const CHARACTERS = new Map(GROUPS.flatMap((group) => group.emoji));
// Of two names for one character the first counts.
const NAMES = new Map(
  GROUPS.flatMap((group) => group.emoji.map(([name, character]) => [character, name])).reverse(),
);

export const FREQUENT = [
  "+1",
  "white_check_mark",
  "eyes",
  "tada",
  "memo",
  "no_entry_sign",
  "star",
  "ear",
  "-1",
];

export function emojiCharacter(name) {
  return CHARACTERS.get(name.split("::")[0]) ?? null;
}

const TYPED = new RegExp(
  [...NAMES.keys()]
    .sort((a, b) => b.length - a.length)
    .map((character) => character.replaceAll("*", "\\*"))
    .join("|"),
  "gu",
);

// Slack keeps emoji by name, however they were typed; code stays as it is.
export function nameEmoji(text) {
  const parts = text.split(/(```[\s\S]*?```|`[^`\n]+`)/);
  return parts
    .map((part, index) =>
      index % 2 ? part : part.replace(TYPED, (character) => `:${NAMES.get(character)}:`),
    )
    .join("");
}

// Names that begin with the query first, then those that contain it.
export function findEmoji(query, limit = 60) {
  const wanted = query.toLowerCase().replaceAll(":", "");
  const names = [...CHARACTERS.keys()];
  const starts = names.filter((name) => name.startsWith(wanted));
  const inside = names.filter((name) => !name.startsWith(wanted) && name.includes(wanted));
  return [...starts, ...inside].slice(0, limit).map((name) => [name, CHARACTERS.get(name)]);
}
