"""What the newspaper has printed before anybody publishes anything: six articles from a town that is not on the map."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SAMPLES", "Sample"]


@dataclass(frozen=True)
class Sample:
    """An article that is published at the first start."""

    slug: str
    title: str
    author: str
    summary: str
    #: A blank line ends a paragraph.
    body: str
    #: The colours of its picture: the sky above, the sky at the horizon, the hills, and the light.
    colours: tuple[str, str, str, str]


#: The oldest first.
SAMPLES = [
    Sample(
        slug="snow-closes-the-hill-road",
        title="Snow closes the hill road, and the town opens its doors",
        author="Agnes Thorley",
        summary=("Forty travellers spent an unplanned night in Harrow Quay. They left with full flasks and borrowed gloves."),
        body=(
            "The first flakes fell on Tuesday at about three. By six the hill road was shut, the last bus stood "
            "crosswise at the bend above the church, and forty people who had meant to be somewhere else were "
            "knocking the snow off their boots in the porch of the Fishermen’s Hall.\n\n"
            "Nobody rang a bell or called a meeting. The baker came with what was left of the day’s bread. The school"
            " sent blankets, the choir sent itself, and a pot of barley soup travelled the length of Chapel Street "
            "under a bath towel. By eight every guest had a bed, most of them in houses they had never seen before.\n\n"
            "“I asked for directions to a hotel,” said one traveller, a piano tuner on her way to a concert. “The "
            "gentleman said there was none, and handed me his spare key.” She tuned three pianos before breakfast and"
            " would not hear of a fee.\n\n"
            "The plough came through at noon on Wednesday. The lamps on the steps stayed lit until the last car had "
            "gone over the hill, and the soup pot is looking for its owner: it is blue, with one handle, and waits "
            "behind the counter of the library."
        ),
        colours=("#3c4a6b", "#c9cfe4", "#eef1fa", "#ffd58a"),
    ),
    Sample(
        slug="old-bridge-passes-its-examination",
        title="The old bridge passes its examination",
        author="Tobias Marlowe",
        summary=(
            "Engineers spent a foggy week under the five arches. Their verdict: good for another hundred years, and "
            "mind the ivy."
        ),
        body=(
            "For five mornings a small boat lay under the old bridge while two engineers tapped at the stones with "
            "hammers and listened. The fog was so thick that people crossing above could hear them talk but could not"
            " see them, which led to at least one rumour about trolls.\n\n"
            "The bridge has carried the mill road over the river Harrow since the days of packhorses. It was built of"
            " local sandstone, with no steel and very little mortar: the arches stand because every stone leans on "
            "its neighbour. “It is a fine way to build,” says the younger of the two. “It is a fine way to run a "
            "town, too.”\n\n"
            "Their report lists eleven loose stones, one cracked lamp and a great deal of ivy. The masons will begin "
            "in April, one lane at a time, and the footpath stays open throughout. The heron that fishes from the "
            "third pier has been told, and has not moved."
        ),
        colours=("#8f9aa0", "#d9dcd8", "#6f7d78", "#fff6da"),
    ),
    Sample(
        slug="market-returns-to-the-square",
        title="The Saturday market returns to the square",
        author="Nell Ashdown",
        summary=(
            "After two years beside the railway the stalls are home again, with striped awnings, early plums and a "
            "queue for cheese."
        ),
        body=(
            "At six in the morning the square still belonged to the pigeons. By seven there was a smell of coffee and"
            " wet cobbles, and by eight the first striped awning went up, red and white, on the very spot where it "
            "had always stood. The Saturday market is back.\n\n"
            "For two years the traders had made do with the yard beside the railway while the square was dug up for "
            "new drains. Business there was fair, they say, but a market wants windows to look down on it. Thirty-one"
            " stalls opened on Saturday, among them four growers of fruit, two bakers, a knife grinder and a "
            "beekeeper who sells out before ten.\n\n"
            "“You cannot weigh a chat,” said the woman at the cheese stall, who has kept the same scales for thirty "
            "years, “but it is half of what people come for.” Her queue reached the clock tower, and nobody in it "
            "seemed to mind.\n\n"
            "The market is held every Saturday from eight until two. Bring a basket. There is room for three more "
            "stalls, and the council would dearly like one of them to be fish."
        ),
        colours=("#7fb2d6", "#f6e7c8", "#a0764a", "#ffe08a"),
    ),
    Sample(
        slug="observatory-opens-on-fridays",
        title="The observatory opens its dome on Friday nights",
        author="Edwin Pask",
        summary=(
            "The telescope on Beacon Hill was locked up for nine years. Now anybody with a warm coat may look through it."
        ),
        body=(
            "The dome on Beacon Hill turned again last week, with a groan that could be heard in the harbour. For "
            "nine years it had been shut, its gears stiff with rust and a family of jackdaws in the gutter. Six "
            "volunteers, two of them still at school, have spent the winter with oil cans and toothbrushes to bring "
            "it back.\n\n"
            "The telescope is older than anybody who uses it. Its lens was ground by hand, and it shows the rings of "
            "Saturn as clearly as on the day it was hoisted up the hill by a team of horses. On the first open night "
            "ninety visitors waited in the dark, whispering as people do in a church.\n\n"
            "“A comet is a good teacher, because it never comes when you have time,” says the retired physics teacher"
            " who holds the key. “You learn to look up anyway.” The council has agreed to dim the street lamps on the"
            " hill until midnight so that the Milky Way can be seen with the naked eye.\n\n"
            "The dome opens every Friday at nine if the sky is clear. Children go first, admission is free, and there"
            " is cocoa."
        ),
        colours=("#0d1330", "#3a3f6e", "#1a1d33", "#f4f7ff"),
    ),
    Sample(
        slug="wind-farm-makes-its-first-turn",
        title="The wind farm that belongs to everybody makes its first turn",
        author="Rosalind Vane",
        summary=(
            "Seven hundred households own a share of the turbines above Cobb Farm. On Sunday they came to watch them start."
        ),
        body=(
            "At four minutes past two on Sunday the wind freshened over Cobb Farm, somebody said “now”, and the first"
            " of the new turbines began to move. It took most of a minute for the blades to come round once. Then "
            "three hundred people who had been holding their breath remembered their picnics.\n\n"
            "The wind farm is the work of a cooperative. Seven hundred households have bought shares, some of them "
            "for no more than the price of a bicycle, and the profit will go into insulation for the draughtiest "
            "houses in town. In a normal year the turbines should make as much electricity as Harrow Quay uses.\n\n"
            "Not everybody was in favour. The meetings were long, and the plan was changed twice: the towers stand "
            "further from the skylarks’ meadow than first drawn, and one was left out to keep the view from the "
            "chapel. “We argued for three years,” says the farmer whose sheep graze between them, “and I have never "
            "known so many of my neighbours by name.”\n\n"
            "The meadow path is open again. The poppies are at their best this week, and the blades, from close by, "
            "sound like somebody turning the pages of a very large newspaper."
        ),
        colours=("#6fa8d8", "#dff0f5", "#7fae3f", "#fff3b0"),
    ),
    Sample(
        slug="harbour-light-burns-again",
        title="The harbour light burns again",
        author="Nell Ashdown",
        summary=(
            "The lighthouse at the mouth of the harbour had been dark for eleven years. At dawn on Monday the fishing"
            " boats came home by it."
        ),
        body=(
            "The fishing boats came home on Monday by a light that most of their crews had only heard about. At ten "
            "minutes to five, with the first pink in the sky, the lamp in the old lighthouse turned for the first "
            "time in eleven years and laid its beam across the mouth of the harbour.\n\n"
            "It was switched off when the charts went electronic and nobody wanted to pay for the bulb. Since then "
            "the tower has stood empty, and the skippers have steered by small green screens. “A screen tells you "
            "where you are,” says one who has fished for herring from this quay since she was fifteen. “The light "
            "tells you that somebody is expecting you.”\n\n"
            "The repair was paid for by a jam stall, a sponsored swim and one envelope of banknotes pushed under the "
            "door of the harbour office. The new lamp uses less power than a kettle. The great lens around it, two "
            "hundred pieces of glass, was taken down, washed in vinegar and put back in order by the sailing club.\n\n"
            "From now on the light burns from dusk until dawn. The stairs are open to visitors on the first Sunday of"
            " the month: there are one hundred and twelve of them, and the view from the top reaches as far as the "
            "weather allows."
        ),
        colours=("#3f4a7a", "#f2a97e", "#2b3a40", "#ffcf6b"),
    ),
]
