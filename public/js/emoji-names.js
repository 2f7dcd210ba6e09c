// @ts-check
// The emoji to choose from, what they are called, and what the choice says of itself, in both
// languages: it is wanted seldom, so it comes along with the choice and not with every page.
// Pure: no DOM.

/** @typedef {'en' | 'ko'} Language */
/** @typedef {{ text: string, en: string, ko: string, words: string }} Emoji */
/** @typedef {{ name: string, emoji: Emoji[] }} Group */

/** @type {Record<Language, Record<'title' | 'find' | 'none' | 'tooLong' | 'recent' | 'found', string>>} */
export const WORDS = {
  en: {
    title: 'Emoji',
    find: 'Find an emoji',
    found: 'Found',
    none: 'No emoji is called that.',
    tooLong: 'No room for it: a message has at most {max} characters.',
    recent: 'Recently used',
  },
  ko: {
    title: '이모지',
    find: '이모지 찾기',
    found: '찾은 이모지',
    none: '그런 이름의 이모지가 없습니다.',
    tooLong: '더 넣을 수 없습니다. 메시지는 {max}자까지입니다.',
    recent: '최근에 쓴 이모지',
  },
};

/** A line is an emoji and its names in English and Korean; after a comma come words to find it by. */
const NAMED = {
  'Faces|표정': `
    😀 | grinning face, happy smile | 활짝 웃는 얼굴, 행복 미소
    😄 | grinning face with smiling eyes, happy laugh | 눈웃음 짓는 얼굴, 행복
    😅 | grinning face with sweat, relief phew | 식은땀 흘리며 웃는 얼굴, 휴 안도
    😂 | face with tears of joy, lol haha laugh | 웃겨서 우는 얼굴, ㅋㅋ ㅎㅎ 하하 웃음
    🤣 | rolling on the floor laughing, rofl lol | 바닥을 구르며 웃는 얼굴, ㅋㅋㅋ 웃음
    😊 | smiling face with blush, happy | 볼을 붉히며 웃는 얼굴, 수줍음 미소
    🙂 | slightly smiling face | 살짝 웃는 얼굴, 미소
    😉 | winking face | 윙크하는 얼굴
    😍 | smiling face with heart eyes, love | 하트 눈을 한 얼굴, 사랑
    🥰 | smiling face with hearts, love | 하트에 둘러싸인 얼굴, 사랑
    😘 | face blowing a kiss, love | 키스를 보내는 얼굴, 뽀뽀 사랑
    😋 | face savouring food, yum delicious | 맛있어하는 얼굴, 냠냠
    😎 | smiling face with sunglasses, cool | 선글라스 낀 얼굴, 멋짐
    🤔 | thinking face, hmm | 생각하는 얼굴, 흠 고민
    😐 | neutral face, meh | 무표정한 얼굴
    🙄 | face with rolling eyes | 눈을 굴리는 얼굴, 어이없음
    😴 | sleeping face, tired night | 자는 얼굴, 잠 피곤
    😢 | crying face, sad tear | 우는 얼굴, 슬픔 눈물
    😭 | loudly crying face, sob sad | 펑펑 우는 얼굴, ㅠㅠ ㅜㅜ 슬픔 눈물
    😠 | angry face, mad | 화난 얼굴, 분노
    😱 | face screaming in fear, shock scared | 무서워 소리치는 얼굴, 공포 충격 헉
    😳 | flushed face, embarrassed | 당황해 붉어진 얼굴, 부끄러움
    🥳 | partying face, celebration birthday | 파티하는 얼굴, 축하 생일
    🤯 | exploding head, mind blown | 머리가 터지는 얼굴, 충격`,
  'Hands and people|손과 사람': `
    👍 | thumbs up, yes good ok like | 엄지 위로, 좋아요 최고
    👎 | thumbs down, no bad | 엄지 아래로, 싫어요 별로
    👌 | OK hand, perfect | 오케이 손, 좋아
    ✌️ | victory hand, peace | 브이 하는 손, 승리 평화
    🤞 | crossed fingers, luck | 행운을 비는 손가락
    👋 | waving hand, hello hi bye | 흔드는 손, 안녕 인사
    👏 | clapping hands, applause bravo | 박수 치는 손, 짝짝
    🙌 | raising hands, hooray | 두 손 들기, 만세
    🙏 | folded hands, please thanks pray | 모은 두 손, 부탁 감사 기도
    💪 | flexed biceps, strong | 알통, 힘 화이팅
    🤝 | handshake, deal agree | 악수, 약속
    👉 | pointing right, this | 오른쪽을 가리키는 손, 여기
    👀 | eyes, look see | 눈, 보는 중
    🙋 | person raising hand, me question | 손 든 사람, 저요 질문
    🤷 | person shrugging, dunno | 어깨를 으쓱하는 사람, 몰라
    🙇 | person bowing, sorry thanks | 고개 숙인 사람, 죄송 감사`,
  'Hearts and signs|하트와 기호': `
    ❤️ | red heart, love | 빨간 하트, 사랑
    🧡 | orange heart, love | 주황 하트, 사랑
    💛 | yellow heart, love | 노란 하트, 사랑
    💚 | green heart, love | 초록 하트, 사랑
    💙 | blue heart, love | 파란 하트, 사랑
    💜 | purple heart, love | 보라 하트, 사랑
    💔 | broken heart, sad | 깨진 하트, 이별 슬픔
    💯 | hundred points, perfect | 백 점, 완벽
    ✅ | check mark, done yes | 체크 표시, 완료 확인
    ❌ | cross mark, no wrong | 엑스 표시, 아니 틀림
    ❓ | question mark, what | 물음표, 질문
    ❗ | exclamation mark, important | 느낌표, 중요
    ⭐ | star, favourite | 별
    ✨ | sparkles, shiny new | 반짝임
    🔥 | fire, hot | 불, 뜨거움 대박
    💤 | sleep, zzz | 쿨쿨, 잠`,
  'Animals and nature|동물과 자연': `
    🐶 | dog, puppy | 강아지, 개
    🐱 | cat, kitten | 고양이
    🐰 | rabbit, bunny | 토끼
    🐻 | bear | 곰
    🐼 | panda | 판다
    🐧 | penguin | 펭귄
    🦊 | fox | 여우
    🦋 | butterfly | 나비
    🌸 | cherry blossom, flower spring | 벚꽃, 꽃 봄
    🌹 | rose, flower | 장미, 꽃
    🌱 | seedling, plant | 새싹, 식물
    🍀 | four-leaf clover, luck | 네 잎 클로버, 행운
    ☀️ | sun, weather sunny | 해, 날씨 맑음 태양
    🌙 | moon, night | 달, 밤
    ☔ | umbrella in the rain, weather | 비 오는 우산, 날씨
    ❄️ | snowflake, cold winter weather | 눈송이, 겨울 날씨`,
  'Food and drink|음식': `
    ☕ | hot drink, coffee tea | 따뜻한 음료, 커피 차
    🍺 | beer, drink | 맥주, 술
    🍎 | apple, fruit | 사과, 과일
    🍚 | bowl of rice, meal | 밥, 식사
    🍜 | noodles, ramen | 국수, 라면
    🍕 | pizza | 피자
    🍗 | chicken leg | 닭다리, 치킨
    🍰 | cake, dessert | 조각 케이크, 디저트`,
  'Things|사물': `
    🎉 | party popper, congratulations hooray | 폭죽, 축하 파티
    🎂 | birthday cake | 생일 케이크, 축하
    🎁 | present, gift | 선물
    🎈 | balloon, party | 풍선, 파티
    🎵 | musical note, music song | 음표, 음악 노래
    🎮 | game controller, play | 게임기, 게임
    ⚽ | football, soccer ball | 축구공, 축구
    📷 | camera, photo | 카메라, 사진
    💻 | laptop, computer work | 노트북, 컴퓨터 일
    📱 | mobile phone | 휴대전화, 핸드폰
    💡 | light bulb, idea | 전구, 아이디어
    🔒 | lock, secret closed | 자물쇠, 비밀 잠금
    ⏰ | alarm clock, time | 알람 시계, 시간
    📅 | calendar, date | 달력, 날짜 일정
    🚗 | car, drive | 자동차, 운전
    🏠 | house, home | 집`,
};

const [WORDS_FROM, LANGUAGE_MARK] = [', ', '|'];

/** @param {string} line @returns {Emoji} */
function read(line) {
  const [text = '', en = '', ko = ''] = line.split(LANGUAGE_MARK).map((part) => part.trim());
  const name = (/** @type {string} */ names) => names.split(WORDS_FROM)[0] ?? '';
  return { text, en: name(en), ko: name(ko), words: known(`${en} ${ko}`) };
}

/** However it is typed: with capitals, or in letters that are not composed. @param {string} text */
const known = (text) => text.normalize('NFC').toLowerCase();

const READ = Object.entries(NAMED).map(([names, lines]) => {
  const [en = '', ko = ''] = names.split(LANGUAGE_MARK);
  return { en, ko, emoji: lines.trim().split('\n').map(read) };
});
const ALL = READ.flatMap(({ emoji }) => emoji);

/** @param {Language} language @returns {Group[]} */
export const groups = (language) =>
  READ.map((group) => ({ name: group[language], emoji: group.emoji }));

/** Those that there are, in the same order. @param {string[]} kept */
export const among = (kept) =>
  kept.flatMap((text) => ALL.find((emoji) => emoji.text === text) ?? []);

/** Those that have every word of `text` in their names, in whichever language. @param {string} text */
export function find(text) {
  const wanted = known(text).split(/\s+/);
  return ALL.filter(({ words }) => wanted.every((word) => words.includes(word)));
}
